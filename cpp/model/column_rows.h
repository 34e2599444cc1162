// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "base/dtype.h"
#include "base/error.h"

// From columns, as Arrow lays them out, to rows, as executors read them. No number becomes another
// one on the way but for what a narrower float rounds; a value that has no place in the tensor is
// marked, and its row goes on with zeros: one bad row of a table costs itself only.
namespace penstock::model {

// A column of a table: Arrow's buffers, which stay the caller's.
struct Column {
  // What an element is. kBools are bits; texts are UTF-8 between two offsets, of 32 or 64 bits.
  enum class Kind : std::uint8_t { kBools, kNumbers, kTexts, kLargeTexts };

  Kind kind = Kind::kNumbers;
  base::DType dtype = base::DType::kFp32;  // of kNumbers: no FP16, BF16 or BYTES
  const std::byte* values = nullptr;       // bits, numbers or offsets, from the array's beginning
  const std::byte* texts = nullptr;        // what the offsets count in
  const std::uint8_t* validity = nullptr;  // a bit for each element; null: none is missing
  std::size_t first = 0;                   // the element that is the first row's
};

// Why a value has no place in the tensor.
enum class Misfit : std::uint8_t {
  kNone,
  kMissing,   // and the tensor is of whole numbers, which are never missing
  kNoNumber,  // a text that is none
  kFraction,  // and the tensor is of whole numbers
  kRange,     // larger than the tensor's numbers go
};

// Of each row the first misfit, and the column that it is in; untouched where all fit.
struct Misfits {
  std::span<Misfit> kinds;
  std::span<std::int32_t> columns;
};

// Writes columns as the rows of a tensor of `dtype`, one element of each column after the other,
// into `out`, which has room for rows * columns.size() elements. What is missing becomes NaN. Of
// texts, "" and what stands for a missing number (NA, null, ...) are missing, true is 1, false 0.
// Returns the number of rows that do not fit. `dtype` is BOOL, an integer, FP32 or FP64.
std::size_t gather_rows(std::span<const Column> columns, std::size_t rows, base::DType dtype,
                        std::byte* out, Misfits misfits);

// A column of texts as a BYTES tensor. What is missing becomes the empty text, as over the wire.
// Fails if an element is longer than 4 GiB, or memory is out.
base::Result<base::Buffer> encode_texts(const Column& column, std::size_t rows);

}  // namespace penstock::model
