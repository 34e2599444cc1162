// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

// Text that came from a peer: is it UTF-8, and how may a sentence repeat it?
namespace penstock::base {

// Characters of a peer's text that a sentence repeats.
inline constexpr std::size_t kQuotedCharactersMax = 100;

bool is_utf8_beyond_ascii(std::string_view text);

// RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF. Names are short and ASCII, so
// that case is inline.
inline bool is_utf8(std::string_view text) {
  std::uint64_t high = 0;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data() + at, sizeof eight);
    high |= eight;
  }
  for (; at < text.size(); ++at) high |= static_cast<unsigned char>(text[at]);
  return (high & 0x8080808080808080U) == 0 || is_utf8_beyond_ascii(text);
}

// `text` in quotes, those of `mark`, fit for a log line and a terminal: quotes and backslashes are
// escaped; control characters, bytes that are not UTF-8 and characters that reorder or hide their
// neighbours become \xNN. After kQuotedCharactersMax characters it is cut, with "..." outside the
// quotes.
std::string quote(std::string_view text, char mark = '"');

}  // namespace penstock::base
