// SPDX-License-Identifier: Apache-2.0
#include "http1/chunk_check.h"

#include <algorithm>

#include "http1/syntax.h"

namespace penstock::http1 {
namespace {

// Leading zeros would let a size be as long as one likes.
constexpr std::size_t kSizeDigitsMax = 15;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Takes the token or quoted string off the front. False where there is none.
bool take_word(std::string_view& text) {
  if (text.starts_with('"')) {
    for (std::size_t at = 1; at < text.size(); ++at) {
      if (text[at] == '\\') {
        ++at;
      } else if (text[at] == '"') {
        text.remove_prefix(at + 1);
        return true;
      }
    }
    return false;
  }
  const auto end = std::ranges::find_if_not(text, is_token_character);
  const auto size = static_cast<std::size_t>(end - text.begin());
  text.remove_prefix(size);
  return size > 0;
}

// *( ";" name [ "=" value ] )
bool is_extension_list(std::string_view text) {
  while (!text.empty()) {
    if (text.front() != ';') return false;
    text.remove_prefix(1);
    if (text.starts_with('"') || !take_word(text)) return false;
    if (!text.starts_with('=')) continue;
    text.remove_prefix(1);
    if (!take_word(text)) return false;
  }
  return true;
}

}  // namespace

std::expected<ChunkFacts, Refusal> check_chunk_line(std::string_view line, const Limits& limits) {
  ChunkFacts facts;
  std::size_t digits = 0;
  for (; digits < line.size(); ++digits) {
    const int value = hex_value(line[digits]);
    if (value < 0) break;
    if (digits == kSizeDigitsMax) return std::unexpected(Refusal{400, "a chunk is too large"});
    facts.size = facts.size << 4 | static_cast<std::uint64_t>(value);
  }
  if (digits == 0) {
    return std::unexpected(Refusal{400, "a chunk's size is not a hexadecimal number"});
  }
  const std::string_view extensions = line.substr(digits);
  facts.extension_bytes = extensions.size();
  if (extensions.size() > limits.chunk_extension_bytes_max) {
    return std::unexpected(Refusal{400, "a chunk's extensions are too long"});
  }
  if (!is_printable(extensions, /*may_have_tabs=*/true) || !is_extension_list(extensions)) {
    return std::unexpected(Refusal{400, "a chunk's size is followed by what is no extension"});
  }
  return facts;
}

std::size_t chunk_line_bytes_max(const Limits& limits) {
  return kSizeDigitsMax + limits.chunk_extension_bytes_max + 4;
}

}  // namespace penstock::http1
