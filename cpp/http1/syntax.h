// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

// Which characters may stand where: RFC 9110 section 5.6, RFC 9112, RFC 3986. Pure.
namespace penstock::http1 {

namespace syntax {

using Table = std::array<bool, 256>;

consteval Table table_of(std::string_view others, bool has_alphanumerics = true) {
  Table table{};
  for (const char c : others) table[static_cast<unsigned char>(c)] = true;
  for (unsigned c = 0; has_alphanumerics && c < 256; ++c) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) table[c] = true;
  }
  return table;
}

inline constexpr Table kToken = table_of("!#$%&'*+-.^_`|~");
inline constexpr Table kHostName = table_of("-._~!$&'()*+,;=%");
inline constexpr Table kIpLiteral = table_of("-._~!$&'()*+,;=:");

inline bool is_all_of(const Table& table, std::string_view text) {
  for (const char c : text) {
    if (!table[static_cast<unsigned char>(c)]) return false;
  }
  return true;
}

}  // namespace syntax

inline bool is_token_character(char c) { return syntax::kToken[static_cast<unsigned char>(c)]; }
inline bool is_token(std::string_view text) {
  return !text.empty() && syntax::is_all_of(syntax::kToken, text);
}

// Whether `text` has neither control characters nor DEL. `may_have_tabs`: but for tabs.
inline bool is_printable(std::string_view text, bool may_have_tabs) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data() + at, sizeof eight);
    // High bit of a byte set: below 0x20, or 0x7f. A borrow may mark a neighbour too; the slow look
    // below decides.
    const std::uint64_t deletes = eight ^ (kOnes * 0x7f);
    const std::uint64_t marked =
        (((eight - kOnes * 0x20) & ~eight) | ((deletes - kOnes) & ~deletes)) & kHighs;
    if (marked != 0) break;
  }
  for (; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if ((c < 0x20 && !(c == '\t' && may_have_tabs)) || c == 0x7f) return false;
  }
  return true;
}

inline std::string_view without_whitespace_around(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// `lower_case` is so already.
inline bool is_same_but_for_case(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != lower_case[i]) return false;
  }
  return true;
}

// Calls `take` with each element of a comma-separated list, without the empty ones.
template <class Take>
void for_each_element(std::string_view list, Take take) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view element = without_whitespace_around(list.substr(0, comma));
    if (!element.empty()) take(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

// host [ ":" port ] of RFC 3986 without user information; empty is a host too.
inline bool is_host(std::string_view text) {
  std::size_t name_end = 0;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close == 1) return false;
    if (!syntax::is_all_of(syntax::kIpLiteral, text.substr(1, close - 1))) return false;
    name_end = close + 1;
  } else {
    name_end = std::min(text.find(':'), text.size());
    if (!syntax::is_all_of(syntax::kHostName, text.substr(0, name_end))) return false;
  }
  std::string_view port = text.substr(name_end);
  if (port.empty()) return true;
  if (port.front() != ':' || port.size() > 6 || name_end == 0) return false;
  port.remove_prefix(1);
  for (const char c : port) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

}  // namespace penstock::http1
