// SPDX-License-Identifier: Apache-2.0
#include "grpc/request_head.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
namespace penstock::grpc {
namespace {

using base::Code;

std::unexpected<Rejection> refuse(Code code, std::string why, int http_status = 200) {
  return std::unexpected(Rejection{{code, std::move(why)}, http_status, false});
}

bool is_equal_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, {}, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
}

// "application/grpc", "application/grpc+proto", either with parameters. Other subtypes
// (application/grpc-web, +json) are other protocols or other encodings of messages.
bool is_grpc_content_type(std::string_view value) {
  constexpr std::string_view kType = "application/grpc";
  if (value == kType) return true;
  if (value.size() < kType.size()) return false;
  if (!is_equal_ignoring_case(value.substr(0, kType.size()), kType)) return false;
  std::string_view rest = value.substr(kType.size());
  constexpr std::string_view kProto = "+proto";
  if (is_equal_ignoring_case(rest.substr(0, kProto.size()), kProto)) {
    rest.remove_prefix(kProto.size());
  }
  return rest.empty() || rest.front() == ';' || rest.front() == ' ';
}

// The fields of a head that say something about the call. Names are lower-case, and their lengths
// tell most of them apart.
struct CallFields {
  std::string_view method;
  std::string_view path;
  std::string_view content_type;
  std::optional<std::string_view> timeout;
  std::optional<std::string_view> encoding;
  EncodingSet accepted;

  void note(const http::Field& field) {
    switch (field.name.size()) {
      case 5:
        if (field.name == ":path") path = field.value;
        break;
      case 7:
        if (field.name == ":method") method = field.value;
        break;
      case 12:
        if (field.name == "content-type") content_type = field.value;
        if (field.name == "grpc-timeout") timeout = field.value;
        break;
      case 13:
        if (field.name == "grpc-encoding") encoding = field.value;
        break;
      case 20:
        if (field.name == "grpc-accept-encoding") accepted.add(parse_accept_encoding(field.value));
        break;
      default: break;
    }
  }
};

}  // namespace

base::Result<base::Nanos> parse_timeout(std::string_view value) {
  constexpr std::size_t kDigitsMax = 8;
  const auto wrong = [value] {
    return base::fail(Code::kInvalidArgument,
                      "grpc-timeout must be 1 to 8 digits and a unit of H M S m u n, but " +
                          base::quote(value) + " came");
  };
  if (value.size() < 2 || value.size() > kDigitsMax + 1) return wrong();
  base::Nanos count = 0;
  for (const char c : value.substr(0, value.size() - 1)) {
    if (c < '0' || c > '9') return wrong();
    count = count * 10 + (c - '0');
  }
  base::Nanos unit = 0;
  switch (value.back()) {
    case 'n': unit = 1; break;
    case 'u': unit = base::kMicrosecond; break;
    case 'm': unit = base::kMillisecond; break;
    case 'S': unit = base::kSecond; break;
    case 'M': unit = 60 * base::kSecond; break;
    case 'H': unit = 3600 * base::kSecond; break;
    default: return wrong();
  }
  return count > base::kNever / unit ? base::kNever : count * unit;
}

std::expected<RequestHead, Rejection> parse_request_head(std::span<const http::Field> fields) {
  CallFields call;
  for (const http::Field& field : fields) call.note(field);

  if (call.method != "POST") {
    return refuse(Code::kInvalidArgument,
                  "a gRPC call is a POST request, but " + base::quote(call.method) + " came", 405);
  }
  if (!is_grpc_content_type(call.content_type)) {
    return refuse(Code::kInvalidArgument,
                  "content-type must be application/grpc or application/grpc+proto, but " +
                      base::quote(call.content_type) + " came",
                  415);
  }

  RequestHead head;
  head.path = call.path;
  head.accepted = call.accepted;
  head.fields = fields;
  if (call.encoding) {
    const auto known = encoding_named(*call.encoding);
    if (!known) {
      return std::unexpected(Rejection{
          {Code::kUnimplemented, "grpc-encoding must be one of " + std::string(kAcceptedEncodings) +
                                     ", but " + base::quote(*call.encoding) + " came"},
          200,
          true});
    }
    head.encoding = *known;
  }
  if (call.timeout) {
    auto timeout = parse_timeout(*call.timeout);
    if (!timeout) return std::unexpected(Rejection{std::move(timeout.error()), 200, false});
    head.timeout_ns = *timeout;
  }
  return head;
}

PlainQuestion plain_question(std::span<const http::Field> fields) {
  CallFields call;
  for (const http::Field& field : fields) call.note(field);
  if (call.path != "/") return PlainQuestion::kNone;
  if (call.method == "GET") return PlainQuestion::kGet;
  return call.method == "HEAD" ? PlainQuestion::kHead : PlainQuestion::kNone;
}

}  // namespace penstock::grpc
