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

}  // namespace penstock::base
