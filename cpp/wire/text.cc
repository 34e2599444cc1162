// SPDX-License-Identifier: Apache-2.0
#include "wire/text.h"

#include "wire/limits.h"

namespace penstock::wire {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  // 0: no character of UTF-8 begins here
};

Character character_at(std::string_view text) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return static_cast<unsigned char>(text[i]);
  };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  std::uint32_t code = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3f);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLeast[bytes] || code > 0x10ffff || is_surrogate) return {};
  return {code, bytes};
}

// Controls, line separators, bidirectional overrides and characters of no width.
bool deceives(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
}

void append_escaped(std::string& quoted, std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    quoted += "\\x";
    quoted += kDigits[byte >> 4];
    quoted += kDigits[byte & 0xf];
  }
}

}  // namespace

bool is_utf8_beyond_ascii(std::string_view text) {
  while (!text.empty()) {
    const Character character = character_at(text);
    if (character.bytes == 0) return false;
    text.remove_prefix(character.bytes);
  }
  return true;
}

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (std::size_t count = 0; !text.empty(); ++count) {
    if (count == kQuotedCharactersMax) return quoted += "\"...";
    const Character character = character_at(text);
    const std::string_view bytes = text.substr(0, character.bytes == 0 ? 1 : character.bytes);
    if (character.bytes == 0 || deceives(character.code)) {
      append_escaped(quoted, bytes);
    } else {
      if (bytes == "\"" || bytes == "\\") quoted += '\\';
      quoted += bytes;
    }
    text.remove_prefix(bytes.size());
  }
  return quoted += '"';
}

}  // namespace penstock::wire
