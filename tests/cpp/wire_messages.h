// SPDX-License-Identifier: Apache-2.0
#pragma once

// Protobuf messages written by hand, byte by byte, for the tests of cpp/wire: also those that no
// protobuf library would write.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "wire/infer_codec.h"

namespace penstock::testing {

inline std::string unhex(std::string_view digits) {
  const auto nibble = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(nibble(digits[i]) * 16 + nibble(digits[i + 1]));
  }
  return bytes;
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class T>
std::string bytes_of_value(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

template <class T>
std::string bytes_of_values(std::initializer_list<T> values) {
  std::string bytes;
  for (const T value : values) bytes += bytes_of_value(value);
  return bytes;
}

// --- fields --------------------------------------------------------------------------------

inline std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
inline std::string varints(std::initializer_list<std::int64_t> values) {
  std::string bytes;
  for (const std::int64_t value : values) bytes += varint(static_cast<std::uint64_t>(value));
  return bytes;
}
inline std::string varint_field(std::uint32_t number, std::int64_t value) {
  return varint(number << 3) + varint(static_cast<std::uint64_t>(value));
}
inline std::string fixed64_field(std::uint32_t number, double value) {
  return varint(number << 3 | 1) + bytes_of_value(value);
}
inline std::string sized_field(std::uint32_t number, std::string_view bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + std::string(bytes);
}
inline std::string fixed32_field(std::uint32_t number, float value) {
  return varint(number << 3 | 5) + bytes_of_value(value);
}

// --- ModelInferRequest ---------------------------------------------------------------------

inline std::string input_head(std::string_view name, std::string_view datatype,
                              std::initializer_list<std::int64_t> dims) {
  return sized_field(1, name) + sized_field(2, datatype) + sized_field(3, varints(dims));
}
// One entry of `inputs`; `contents` are fields of InferTensorContents.
inline std::string raw_input(std::string_view name, std::string_view datatype,
                             std::initializer_list<std::int64_t> dims) {
  return sized_field(5, input_head(name, datatype, dims));
}
inline std::string typed_input(std::string_view name, std::string_view datatype,
                               std::initializer_list<std::int64_t> dims,
                               std::string_view contents) {
  return sized_field(5, input_head(name, datatype, dims) + sized_field(5, contents));
}
inline std::string raw_entry(std::string_view bytes) { return sized_field(7, bytes); }
// One entry of a map<string, InferParameter>; `value` is a field of InferParameter.
inline std::string parameter(std::uint32_t number, std::string_view name, std::string_view value) {
  return sized_field(number, sized_field(1, name) + sized_field(2, value));
}

// Decodes a copy that ends exactly where its memory does, so that AddressSanitizer sees a read
// past the end.
struct Decoded {
  explicit Decoded(std::string_view message)
      : memory(std::make_unique<std::byte[]>(message.size())) {
    if (!message.empty()) std::memcpy(memory.get(), message.data(), message.size());
    result = wire::decode_infer_request({{}, {memory.get(), message.size()}}, request);
  }

  // "" when it decoded.
  std::string why() const { return result ? "" : result.error().why; }
  // The raw form of the first input.
  std::string bytes() const {
    return request.inputs.empty() ? "no input" : text_of(request.inputs[0].bytes.bytes);
  }

  std::unique_ptr<std::byte[]> memory;
  wire::InferRequest request;
  base::Result<> result;
};

}  // namespace penstock::testing
