// SPDX-License-Identifier: Apache-2.0
#include "net/opening.h"

#include <algorithm>

#include "http2/frame_scan.h"

namespace penstock::net {
namespace {

constexpr std::string_view kNotHttp1 =
    "This port speaks gRPC over HTTP/2 without TLS; of HTTP/1, it answers GET / alone.";

// "GET /path HTTP/1.1" without its end.
Opening meaning_of(std::string_view line) {
  const std::size_t first_blank = line.find(' ');
  const std::size_t last_blank = line.rfind(' ');
  if (last_blank == first_blank) return Opening::kHttp2;
  const std::string_view version = line.substr(last_blank + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return Opening::kHttp2;
  const std::string_view method = line.substr(0, first_blank);
  const std::string_view target = line.substr(first_blank + 1, last_blank - first_blank - 1);
  if (target == "/" && method == "GET") return Opening::kAbout;
  if (target == "/" && method == "HEAD") return Opening::kAboutHead;
  return Opening::kOtherHttp1;
}

}  // namespace

Opening rest_opening_of(std::span<const std::byte> first) {
  const std::string_view text(reinterpret_cast<const char*>(first.data()), first.size());
  const std::size_t preface_bytes = std::min(text.size(), http2::kClientPreface.size());
  if (text.substr(0, preface_bytes) != http2::kClientPreface.substr(0, preface_bytes)) {
    return Opening::kOtherHttp1;
  }
  return preface_bytes == http2::kClientPreface.size() ? Opening::kHttp2 : Opening::kMore;
}

Opening opening_of(std::span<const std::byte> first) {
  const std::string_view text(reinterpret_cast<const char*>(first.data()), first.size());
  if (const Opening by_preface = rest_opening_of(first); by_preface != Opening::kOtherHttp1) {
    return by_preface;
  }
  // A method of capitals and a blank, or the beginning of that.
  constexpr std::size_t kMethodBytesMax = 16;
  const std::size_t method_bytes =
      std::min(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), text.size());
  if (method_bytes > kMethodBytesMax) return Opening::kHttp2;
  if (method_bytes == text.size()) return Opening::kMore;
  if (method_bytes == 0 || text[method_bytes] != ' ') return Opening::kHttp2;
  std::string_view line = text.substr(0, kRequestLineBytesMax);
  const std::size_t end = line.find('\n');
  if (end == std::string_view::npos) {
    return line.size() < kRequestLineBytesMax ? Opening::kMore : Opening::kOtherHttp1;
  }
  line = line.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return meaning_of(line);
}

std::string plain_answer(Opening opening, std::string_view about) {
  const bool is_about = opening != Opening::kOtherHttp1;
  std::string body(is_about ? about : kNotHttp1);
  body += '\n';
  std::string answer =
      is_about ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 505 HTTP Version Not Supported\r\n";
  answer += "content-type: text/plain; charset=utf-8\r\ncontent-length: ";
  answer += std::to_string(body.size());
  answer += "\r\nconnection: close\r\n\r\n";
  if (opening != Opening::kAboutHead) answer += body;
  return answer;
}

}  // namespace penstock::net
