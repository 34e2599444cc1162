// SPDX-License-Identifier: Apache-2.0
// The session against a dull reference: whatever one reads, the other reads, and the same.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <string>

#include "h1_peer.h"
#include "harness.h"

namespace penstock::testing {
namespace {

struct Request {
  std::string method, path;
  Fields fields;
  std::string body;
  friend bool operator==(const Request&, const Request&) = default;
};

// Reads one request of HTTP/1.1 with an origin-form target and, at most, a Content-Length.
class Reference {
 public:
  explicit Reference(std::string_view text) : rest_(text) {}

  std::optional<Request> read() {
    Request request;
    std::string line;
    if (rest_.starts_with("\r\n")) rest_.remove_prefix(2);
    if (!take_line(line)) return {};
    const std::size_t space = line.find(' ');
    const std::size_t second = line.rfind(' ');
    if (space == std::string::npos || second <= space) return {};
    request.method = line.substr(0, space);
    request.path = line.substr(space + 1, second - space - 1);
    if (!is_name(request.method) || request.method.size() > 32) return {};
    if (!request.path.starts_with('/') || line.substr(second + 1) != "HTTP/1.1") return {};
    for (const char c : request.path) {
      if (c <= ' ' || c >= 0x7f || c == '#') return {};
    }
    int hosts = 0;
    int lengths = 0;
    std::size_t length = 0;
    while (take_line(line) && !line.empty()) {
      const std::size_t colon = line.find(':');
      if (colon == std::string::npos || !is_name(line.substr(0, colon))) return {};
      std::string name = line.substr(0, colon);
      std::string value = line.substr(colon + 1);
      while (!value.empty() && std::string(" \t").contains(value.front())) value.erase(0, 1);
      while (!value.empty() && std::string(" \t").contains(value.back())) value.pop_back();
      if (std::ranges::any_of(value, [](char c) {
            return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f;
          })) {
        return {};
      }
      for (char& c : name) c = static_cast<char>(std::tolower(c));
      if (name == "host" && (++hosts > 1 || !std::ranges::all_of(value, is_host_character)))
        return {};
      if (name == "content-length") {
        if (++lengths > 1 || value.empty() || value.size() > 18) return {};
        if (!std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; })) return {};
        length = std::stoul(value);
      }
      if (name == "transfer-encoding" || name == "expect" || name == "connection") return {};
      if (name != "host") request.fields.emplace_back(name, value);
    }
    if (!line.empty() || is_broken_ || hosts != 1 || rest_.size() < length) return {};
    request.body = rest_.substr(0, length);
    return request;
  }

 private:
  bool take_line(std::string& line) {
    const std::size_t end = rest_.find('\n');
    is_broken_ = is_broken_ || end == std::string_view::npos || end == 0 || rest_[end - 1] != '\r';
    if (is_broken_) return false;
    line = rest_.substr(0, end - 1);
    rest_.remove_prefix(end + 1);
    return true;
  }
  static bool is_name(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
      return c > ' ' && c < 0x7f && !std::string_view("\"(),/:;<=>?@[\\]{}").contains(c);
    });
  }
  static bool is_host_character(char c) {
    return c > ' ' && c < 0x7f && !std::string_view("\"/:<>?@[\\]^`{|}#").contains(c);
  }

  std::string_view rest_;
  bool is_broken_ = false;
};

// HTTP/1.0, and ports.
bool is_beyond_reference(std::string_view text) {
  return text.contains("HTTP/1.0") || text.find(':', text.find("Host:") + 5) < text.find("\r\nX");
}

std::optional<Request> read_by_session(std::string_view text) {
  H1Peer peer;
  if (!peer.send(text)) return {};
  if (!peer.story().contains("E1")) return {};
  Request request{peer.field(1, ":method"), peer.field(1, ":path"), {}, peer.body(1)};
  for (const auto& [name, value] : peer.fields(1)) {
    if (!name.starts_with(':')) request.fields.emplace_back(name, value);
  }
  return request;
}

constexpr std::string_view kRequest =
    "POST /v2/m?x=1 HTTP/1.1\r\nHost: h.x\r\nX-A: b c\r\nContent-Length: 3\r\nY:\r\n\r\nabc";

}  // namespace

TEST(http1_reference, every_single_byte_may_have_every_value) {
  int accepted = 0;
  for (std::size_t at = 0; at < kRequest.size(); ++at) {
    for (int c = 0; c < 256; ++c) {
      std::string text(kRequest);
      text[at] = static_cast<char>(c);
      const auto expected = Reference(text).read();
      if (!expected && is_beyond_reference(text)) continue;
      const auto found = read_by_session(text);
      accepted += found.has_value() ? 1 : 0;
      EXPECT(found == expected);
    }
  }
  EXPECT_LT(4000, accepted);
}

TEST(http1_reference, bytes_may_be_left_out_put_in_and_moved) {
  std::uint64_t state = 1;
  const auto below = [&](std::size_t end) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::size_t>((state >> 33) % end);
  };
  static constexpr std::string_view kInserted[] = {
      "\r", "\n", "\r\n", " ",           "\t",
      ":",  "0",  "5",    "\r\n\r\n",    "a",
      "/",  ",",  ";",    "Host: h\r\n", "Content-Length: 3\r\n"};
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text(kRequest);
    for (std::size_t changes = 1 + below(2); changes > 0; --changes) {
      const std::size_t at = below(text.size());
      if (below(2) == 0) {
        text.erase(at, 1 + below(3));
      } else {
        text.insert(at, kInserted[below(std::size(kInserted))]);
      }
    }
    const auto expected = Reference(text).read();
    if (!expected && is_beyond_reference(text)) continue;
    const auto found = read_by_session(text);
    accepted += found.has_value() ? 1 : 0;
    EXPECT(found == expected);
  }
  EXPECT_LT(1000, accepted);
}

}  // namespace penstock::testing
