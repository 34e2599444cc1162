// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace penstock::base {

// What stands for bytes that are no character: U+FFFD.
inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// The length of the UTF-8 sequence at the start of `text` (not empty); 0 if there is none.
// Overlong forms, surrogates and what lies beyond U+10FFFF are none (RFC 3629 section 4).
constexpr std::size_t utf8_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = lead < 0xE0 ? 2U : lead < 0xF0 ? 3U : 4U;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

// Takes the first character off `text` (not empty): the character's bytes, or
// kReplacementCharacter for one byte that begins none.
constexpr std::string_view take_character(std::string_view& text) {
  const std::size_t length = utf8_length(text);
  const std::string_view character = length == 0 ? kReplacementCharacter : text.substr(0, length);
  text.remove_prefix(length == 0 ? 1 : length);
  return character;
}

}  // namespace penstock::base
