// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/tensor.h"
#include "wire/json_writer.h"

// Private to this room.
namespace penstock::wire {

// How BYTES that are no UTF-8 are written.
enum class NoText : std::uint8_t {
  kRefused,  // not at all
  kBase64,   // {"b64": "..."}
};

// The elements of a tensor on their way into JSON, in their order. Floats of 16 bits are written
// as the binary32 they are.
class ElementsWriter {
 public:
  ElementsWriter(const base::Tensor& tensor, NoText no_text)
      : dtype_(tensor.dtype), no_text_(no_text), rest_(tensor.bytes.bytes) {}

  // The next `count` elements with commas between them. False: one of them is no text.
  bool put(JsonWriter& json, std::int64_t count);
  // The next elements as arrays in arrays: `dims` of them, a bare element where that is empty.
  bool put_nested(JsonWriter& json, std::span<const std::int64_t> dims);

 private:
  template <class T, class Widen>
  void put_numbers(JsonWriter& json, std::int64_t count, Widen widen);
  bool put_strings(JsonWriter& json, std::int64_t count);

  base::DType dtype_;
  NoText no_text_;
  std::span<const std::byte> rest_;
};

// Characters that one element is likely to need, its comma included.
std::size_t likely_element_bytes(base::DType dtype);

}  // namespace penstock::wire
