// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include "base/utf8.h"

namespace penstock::base {
namespace {

// The code point of a whole UTF-8 sequence.
std::uint32_t code_point(std::string_view sequence) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return static_cast<unsigned char>(sequence[i]);
  };
  if (sequence.size() == 1) return byte(0);
  std::uint32_t code = byte(0) & (0x7fU >> sequence.size());
  for (std::size_t i = 1; i < sequence.size(); ++i) code = (code << 6) | (byte(i) & 0x3f);
  return code;
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
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string quote(std::string_view text, char mark) {
  std::string quoted(1, mark);
  for (std::size_t count = 0; !text.empty(); ++count) {
    if (count == kQuotedCharactersMax) return (quoted += mark) += "...";
    const std::size_t length = utf8_length(text);
    const std::string_view bytes = text.substr(0, length == 0 ? 1 : length);
    if (length == 0 || deceives(code_point(bytes))) {
      append_escaped(quoted, bytes);
    } else {
      if (bytes.front() == mark || bytes == "\\") quoted += '\\';
      quoted += bytes;
    }
    text.remove_prefix(bytes.size());
  }
  return quoted += mark;
}

}  // namespace penstock::base
