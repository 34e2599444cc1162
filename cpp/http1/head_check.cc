// SPDX-License-Identifier: Apache-2.0
#include "http1/head_check.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

#include "http1/syntax.h"

namespace penstock::http1 {
namespace {

using Wrong = std::optional<Refusal>;

// Longer ones are nobody's methods.
constexpr std::size_t kMethodBytesMax = 32;

struct FieldLine {
  std::string_view name;  // as sent
  std::string_view value;
};

// Fields that decide over the request as a whole come before its body or not at all: RFC 9110
// section 6.5.1. Lower case.
constexpr std::array<std::string_view, 22> kForbiddenInTrailers = {"age",
                                                                   "authorization",
                                                                   "cache-control",
                                                                   "connection",
                                                                   "content-encoding",
                                                                   "content-length",
                                                                   "content-range",
                                                                   "content-type",
                                                                   "cookie",
                                                                   "expect",
                                                                   "host",
                                                                   "keep-alive",
                                                                   "max-forwards",
                                                                   "pragma",
                                                                   "proxy-authorization",
                                                                   "proxy-connection",
                                                                   "range",
                                                                   "set-cookie",
                                                                   "te",
                                                                   "trailer",
                                                                   "transfer-encoding",
                                                                   "upgrade"};

// The line at the front of `section`, without its CRLF, which is taken off.
std::string_view take_line(std::string_view& section) {
  const std::size_t end = section.find('\n');
  const std::string_view line = section.substr(0, end - 1);
  section.remove_prefix(end + 1);
  return line;
}

std::expected<FieldLine, Refusal> read_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') {
    return std::unexpected(Refusal{400, "a header field is folded over two lines"});
  }
  std::size_t colon = 0;
  while (colon < line.size() && is_token_character(line[colon])) ++colon;
  if (colon == line.size()) {
    return std::unexpected(Refusal{400, "a header field has no colon"});
  }
  if (line[colon] != ':') {
    const bool is_space = line[colon] == ' ' || line[colon] == '\t';
    return std::unexpected(
        Refusal{400, is_space ? "a header field's name has white space before its colon"
                              : "a header field's name has a character that names cannot have"});
  }
  if (colon == 0) return std::unexpected(Refusal{400, "a header field has no name"});
  const std::string_view value = line.substr(colon + 1);
  if (!is_printable(value, /*may_have_tabs=*/true)) {
    return std::unexpected(Refusal{400, "a header field's value has a control character"});
  }
  return FieldLine{line.substr(0, colon), without_whitespace_around(value)};
}

// Everything that is read of one head, line after line.
class HeadReader {
 public:
  Wrong read_request_line(std::string_view line, const Limits& limits);
  Wrong read_field_line(std::string_view line);
  Wrong finish();
  const HeadFacts& facts() const { return facts_; }

 private:
  Wrong read_target();
  Wrong read_absolute(std::string_view rest);
  Wrong read_host(std::string_view value);
  Wrong read_content_length(std::string_view value);
  Wrong read_transfer_encoding(std::string_view value);
  Wrong read_connection(std::string_view value);
  Wrong read_expect(std::string_view value);

  HeadFacts facts_;
  std::string_view host_;
  bool has_host_ = false;
  bool has_transfer_encoding_ = false;
  bool says_close_ = false;
  bool says_keep_alive_ = false;
};

Wrong HeadReader::read_request_line(std::string_view line, const Limits& limits) {
  const std::size_t method_end = line.find(' ');
  facts_.method = line.substr(0, method_end);
  if (!is_token(facts_.method)) return Refusal{400, "the request does not begin with a method"};
  if (facts_.method.size() > kMethodBytesMax) return Refusal{501, "the method is not known"};
  if (method_end == std::string_view::npos) return Refusal{400, "the request has no target"};
  line.remove_prefix(method_end + 1);
  const std::size_t target_end = line.find(' ');
  facts_.target = line.substr(0, target_end);
  if (facts_.target.empty()) return Refusal{400, "the request has no target"};
  if (facts_.target.size() > limits.target_bytes_max) {
    return Refusal{414, "the request target is too long"};
  }
  if (target_end == std::string_view::npos) {
    return Refusal{400, "the request line does not say which version of HTTP it speaks"};
  }
  const std::string_view version = line.substr(target_end + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7])) {
    return Refusal{400, "the request line does not end with a version such as HTTP/1.1"};
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return Refusal{505, "this version of HTTP is not served; HTTP/1.1, HTTP/1.0 and HTTP/2 are"};
  }
  facts_.is_http10 = version[7] == '0';
  return read_target();
}

Wrong HeadReader::read_target() {
  const std::string_view target = facts_.target;
  const bool is_sound =
      is_printable(target, /*may_have_tabs=*/false) && std::ranges::none_of(target, [](char c) {
        return c == '#' || static_cast<unsigned char>(c) >= 0x80;
      });
  if (!is_sound) return Refusal{400, "the request target has a character that it cannot have"};
  if (target.front() == '/') {
    facts_.path = target;
    return {};
  }
  if (target == "*" && facts_.method == "OPTIONS") {
    facts_.path = target;
    return {};
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (is_same_but_for_case(target.substr(0, scheme.size()), scheme)) {
      return read_absolute(target.substr(scheme.size()));
    }
  }
  return Refusal{400, "the request target is neither a path nor an absolute URI"};
}

Wrong HeadReader::read_absolute(std::string_view rest) {
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  facts_.authority = rest.substr(0, end);
  facts_.path = rest.substr(end);
  if (facts_.authority.empty() || !is_host(facts_.authority)) {
    return Refusal{400, "the request target's host is malformed"};
  }
  return {};
}

Wrong HeadReader::read_field_line(std::string_view line) {
  const auto field = read_field(line);
  if (!field) return field.error();
  const auto is = [&](std::string_view name) { return is_same_but_for_case(field->name, name); };
  switch (field->name.size()) {
    case 4: return is("host") ? read_host(field->value) : Wrong();
    case 6: return is("expect") ? read_expect(field->value) : Wrong();
    case 10: return is("connection") ? read_connection(field->value) : Wrong();
    case 14: return is("content-length") ? read_content_length(field->value) : Wrong();
    case 17: return is("transfer-encoding") ? read_transfer_encoding(field->value) : Wrong();
    default: return {};
  }
}

Wrong HeadReader::read_host(std::string_view value) {
  if (has_host_) return Refusal{400, "the request has two Host fields"};
  if (!is_host(value)) return Refusal{400, "the Host field is malformed"};
  has_host_ = true;
  host_ = value;
  return {};
}

Wrong HeadReader::read_content_length(std::string_view value) {
  if (facts_.content_length) return Refusal{400, "the request has two Content-Length fields"};
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (value.empty() || !std::ranges::all_of(value, is_digit)) {
    return Refusal{400, "the Content-Length is not a decimal number"};
  }
  std::uint64_t length = 0;
  for (const char c : value) {
    if (length > (std::numeric_limits<std::int64_t>::max() - 9) / 10) {
      return Refusal{400, "the Content-Length is too large a number"};
    }
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  facts_.content_length = length;
  return {};
}

Wrong HeadReader::read_transfer_encoding(std::string_view value) {
  if (has_transfer_encoding_) return Refusal{400, "the request has two Transfer-Encoding fields"};
  has_transfer_encoding_ = true;
  if (is_same_but_for_case(value, "chunked")) {
    facts_.is_chunked = true;
    return {};
  }
  std::size_t codings = 0;
  std::size_t chunkings = 0;
  bool is_sound = !value.empty() && !value.starts_with(',') && !value.ends_with(',');
  for_each_element(value, [&](std::string_view element) {
    ++codings;
    if (is_same_but_for_case(element, "chunked")) ++chunkings;
    is_sound = is_sound && is_token(element);
  });
  if (!is_sound || codings == chunkings) {
    return Refusal{400, "the Transfer-Encoding is malformed; chunked, once, is what is understood"};
  }
  return Refusal{501, "this Transfer-Encoding is not known; chunked is"};
}

Wrong HeadReader::read_connection(std::string_view value) {
  for_each_element(value, [&](std::string_view element) {
    const bool is_close = is_same_but_for_case(element, "close");
    const bool is_keep_alive = is_same_but_for_case(element, "keep-alive");
    says_close_ = says_close_ || is_close;
    says_keep_alive_ = says_keep_alive_ || is_keep_alive;
    facts_.names_fields = facts_.names_fields || !(is_close || is_keep_alive);
  });
  return {};
}

Wrong HeadReader::read_expect(std::string_view value) {
  if (!is_same_but_for_case(value, "100-continue")) {
    return Refusal{417, "this expectation cannot be met; 100-continue can"};
  }
  facts_.expects_continue = true;
  return {};
}

Wrong HeadReader::finish() {
  if (!has_host_ && !facts_.is_http10) return Refusal{400, "the request has no Host field"};
  if (facts_.authority.empty()) facts_.authority = host_;
  if (has_transfer_encoding_ && facts_.content_length) {
    return Refusal{400, "the request has both a Content-Length and a Transfer-Encoding"};
  }
  if (has_transfer_encoding_ && facts_.is_http10) {
    return Refusal{400, "the request has a Transfer-Encoding, which HTTP/1.0 does not know"};
  }
  facts_.wants_close = facts_.is_http10 ? says_close_ || !says_keep_alive_ : says_close_;
  // RFC 9110 section 10.1.1: nobody waits who has nothing to send, or knows no such answer.
  if (facts_.is_http10 || !facts_.has_body()) facts_.expects_continue = false;
  return {};
}

}  // namespace

std::expected<HeadFacts, Refusal> check_head(std::string_view head, const Limits& limits) {
  HeadReader reader;
  if (const Wrong wrong = reader.read_request_line(take_line(head), limits)) {
    return std::unexpected(*wrong);
  }
  std::size_t fields = 0;
  for (std::string_view line = take_line(head); !line.empty(); line = take_line(head)) {
    if (++fields > limits.fields_max) {
      return std::unexpected(Refusal{431, "the request has too many header fields"});
    }
    if (const Wrong wrong = reader.read_field_line(line)) return std::unexpected(*wrong);
  }
  if (const Wrong wrong = reader.finish()) return std::unexpected(*wrong);
  return reader.facts();
}

std::optional<Refusal> check_trailers(std::string_view trailers, const Limits& limits) {
  std::size_t fields = 0;
  for (std::string_view line = take_line(trailers); !line.empty(); line = take_line(trailers)) {
    if (++fields > limits.trailers_max) return Refusal{431, "the request has too many trailers"};
    const auto field = read_field(line);
    if (!field) return field.error();
    const auto is_same = [&](std::string_view name) {
      return is_same_but_for_case(field->name, name);
    };
    if (std::ranges::any_of(kForbiddenInTrailers, is_same)) {
      return Refusal{400, "a trailer is a field that must come before the body"};
    }
  }
  return {};
}

bool is_hop_by_hop(std::string_view lower_case) {
  switch (lower_case.size()) {
    case 2: return lower_case == "te";
    case 7: return lower_case == "upgrade";
    case 10: return lower_case == "connection" || lower_case == "keep-alive";
    case 16: return lower_case == "proxy-connection";
    case 17: return lower_case == "transfer-encoding";
    default: return false;
  }
}

}  // namespace penstock::http1
