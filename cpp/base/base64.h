// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// RFC 4648's base64 with its first alphabet ("+" and "/").
namespace penstock::base {

// Bytes that `characters` of base64 decode to, at most.
constexpr std::size_t base64_bytes_max(std::size_t characters) {
  return characters / 4 * 3 + characters % 4;
}

// Decodes `text`, padded or not, to `room`, which has base64_bytes_max() bytes. How many bytes it
// was; nothing if it is no base64.
std::optional<std::size_t> decode_base64(std::string_view text, char* room);

enum class Base64Padding { kWith, kWithout };
std::string encode_base64(std::string_view bytes, Base64Padding padding);

}  // namespace penstock::base
