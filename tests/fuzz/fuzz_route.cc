// SPDX-License-Identifier: Apache-2.0
// The head and the coding of a REST request: routes, headers, and bodies within their bounds.
#include <array>
#include <string>
#include <vector>

#include "base/text.h"
#include "fuzz_input.h"
#include "rest/body.h"
#include "rest/request_head.h"
#include "rest/route.h"

namespace penstock::fuzzing {
namespace {

constexpr std::size_t kBodyBytesMax = std::size_t{64} << 10;

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

void run_route(std::string_view text) {
  const std::string_view method = take_line(text);
  const std::string path(text);
  std::string decoded;
  const auto route = rest::parse_route(method, path, decoded);
  if (!route) {
    PENSTOCK_CHECK(route.error().status == 400 || route.error().status == 405);
    PENSTOCK_CHECK((route.error().status == 405) == !route.error().allow.empty());
    PENSTOCK_CHECK(base::is_utf8(route.error().error.why));
    return;
  }
  touch(route->path);
  touch(route->query);
  PENSTOCK_CHECK(base::is_utf8(route->model) && base::is_utf8(route->version));
  using rest::RouteKind;
  const bool names_a_model =
      route->kind == RouteKind::kModelReady || route->kind == RouteKind::kModelMetadata ||
      route->kind == RouteKind::kModelInfer || route->kind == RouteKind::kV1Predict;
  PENSTOCK_CHECK(names_a_model == !route->model.empty());
  PENSTOCK_CHECK(names_a_model || route->version.empty());
}

void run_head(std::string_view text) {
  std::vector<http::Field> fields;
  while (!text.empty()) {
    const std::string_view name = take_line(text);
    fields.push_back({name, take_line(text)});
  }
  const auto head = rest::parse_request_head(fields);
  if (!head) {
    PENSTOCK_CHECK(head.error().status == 400 || head.error().status == 415);
    PENSTOCK_CHECK(base::is_utf8(head.error().error.why));
    return;
  }
  touch(head->path);
  const auto json_bytes = rest::json_bytes_of(head->json_bytes, kBodyBytesMax);
  PENSTOCK_CHECK(!json_bytes || *json_bytes <= kBodyBytesMax);
}

void run_body(rest::Coding coding, std::string_view text) {
  const auto body = rest::decode_body(coding, bytes_of(text), kBodyBytesMax);
  if (!body) {
    PENSTOCK_CHECK(body.error().status == 400 || body.error().status == 413);
    return;
  }
  PENSTOCK_CHECK(body->bytes.size() <= kBodyBytesMax);
  touch(text_of(body->bytes));
  const std::array pieces = {*body};
  const base::Slice packed = rest::encode_body(coding, pieces);
  if (packed.bytes.empty()) return;
  PENSTOCK_CHECK(packed.bytes.size() < body->bytes.size());
  const auto again = rest::decode_body(coding, packed.bytes, kBodyBytesMax);
  PENSTOCK_CHECK(again.has_value() && text_of(again->bytes) == text_of(body->bytes));
}

void run(Input input) {
  switch (input.below(4)) {
    case 0: return run_route(input.rest());
    case 1: return run_head(input.rest());
    case 2: return run_body(rest::Coding::kGzip, input.rest());
    default: return run_body(rest::Coding::kDeflate, input.rest());
  }
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::run({bytes, size});
  return 0;
}
