// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/buffer.h"
#include "base/error.h"
#include "base/tensor.h"
#include "wire/infer_request.h"
#include "wire/json_reader.h"

// JSON's numbers, booleans and strings -> the raw form of a tensor. Private to this room.
//
//   BOOL            true, false, 0, 1
//   INT*, UINT*     whole numbers without fraction or exponent that the datatype can hold
//   FP*, BF16       any number, NaN, Infinity, -Infinity, Inf; read as binary64 and rounded to
//                   nearest even from there, so that what is too large becomes an infinity
//   BYTES           strings; each becomes its length and its UTF-8 bytes
namespace penstock::wire {

// Bytes that grow at their end. Grown by doubling, so at most twice as large as what it holds.
class ElementBlock {
 public:
  // Room for `bytes` more: where to write them, null without memory.
  std::byte* reserve(std::size_t bytes) {
    return block_.size() - used_ >= bytes ? block_.data() + used_ : grow(bytes);
  }
  void advance(std::size_t bytes) { used_ += bytes; }
  std::size_t size() const { return used_; }
  base::Slice take() {
    const std::span<const std::byte> bytes(block_.data(), used_);
    used_ = 0;
    return {std::exchange(block_, {}), bytes};
  }

 private:
  std::byte* grow(std::size_t bytes);

  base::Buffer block_;
  std::size_t used_ = 0;
};

// The elements of `data`, in the order of the text, however they are nested. They must be as many
// as input.shape says, which has passed count_elements(); the block is allocated from that number
// only where the text is long enough to hold as many. `depth`: of `data` itself.
base::Result<> read_json_elements(JsonReader& reader, ondemand::array data, std::int64_t elements,
                                  unsigned depth, InferInput& input);

// A tensor whose shape is how its JSON is nested: read in one piece, or row by row.
struct NestedTensor {
  ElementBlock block;
  std::int64_t elements = 0;
  // Dimensions of what one call of read_nested() read, the same for each; -1: not known yet.
  std::array<std::int64_t, base::kRankMax> dims = unknown();
  std::optional<std::size_t> rank;  // known since the first scalar or empty array

  static constexpr std::array<std::int64_t, base::kRankMax> unknown() {
    std::array<std::int64_t, base::kRankMax> dims{};
    dims.fill(-1);
    return dims;
  }
};

// Appends `value`, a scalar or nested arrays of the same form as those before it. `input` has the
// name and the datatype. `depth`: of what holds the value.
base::Result<> read_nested(JsonReader& reader, ondemand::value& value, unsigned depth,
                           const InferInput& input, NestedTensor& tensor);

}  // namespace penstock::wire
