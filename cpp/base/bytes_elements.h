// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace penstock::base {

// Before each element of a BYTES tensor, little-endian.
using BytesLength = std::uint32_t;

// Takes one element off the front of `rest`; nothing, and `rest` as it was, if there is none whole.
inline std::optional<std::span<const std::byte>> take_bytes_element(
    std::span<const std::byte>& rest) {
  BytesLength length = 0;
  if (rest.size() < sizeof length) return std::nullopt;
  std::memcpy(&length, rest.data(), sizeof length);
  if (rest.size() - sizeof length < length) return std::nullopt;
  const std::span<const std::byte> element = rest.subspan(sizeof length, length);
  rest = rest.subspan(sizeof length + length);
  return element;
}

// Takes `count` elements off the front of `rest`. False: it has fewer, and those were taken.
inline bool skip_bytes_elements(std::span<const std::byte>& rest, std::uint64_t count) {
  for (; count > 0; --count) {
    if (!take_bytes_element(rest)) return false;
  }
  return true;
}

// How many elements a tensor has; nothing if its last one is not whole.
inline std::optional<std::uint64_t> count_bytes_elements(std::span<const std::byte> rest) {
  std::uint64_t count = 0;
  for (; !rest.empty(); ++count) {
    if (!take_bytes_element(rest)) return std::nullopt;
  }
  return count;
}

}  // namespace penstock::base
