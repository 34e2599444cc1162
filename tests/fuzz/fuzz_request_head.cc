// SPDX-License-Identifier: Apache-2.0
// The texts of gRPC's header fields: request heads, timeouts, metadata, status messages. What one
// side writes the other reads back.
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "fuzz_input.h"
#include "grpc/field_list.h"
#include "grpc/metadata.h"
#include "grpc/method.h"
#include "grpc/request_head.h"
#include "grpc/status.h"

namespace penstock::fuzzing {
namespace {

bool is_sendable(std::string_view text) {
  if (text.starts_with(' ') || text.ends_with(' ')) return false;
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void check_list(const grpc::FieldList& list) {
  for (const http::Field& field : list.fields()) {
    PENSTOCK_CHECK(is_sendable(field.name) && is_sendable(field.value));
  }
}

// name '\n' value '\n' name ...
void check_head(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  std::vector<http::Field> fields;
  for (std::size_t i = 0; i + 1 < lines.size(); i += 2) fields.push_back({lines[i], lines[i + 1]});
  const auto head = grpc::parse_request_head(fields);
  if (!head) return check_list(grpc::rejection_headers(head.error()));
  PENSTOCK_CHECK(head->timeout_ns >= 0);
  if (grpc::method_of(head->path) == grpc::Method::kNotNative) {
    check_list(grpc::trailers_only(grpc::unknown_method(head->path)));
  } else {
    PENSTOCK_CHECK(grpc::path_of(grpc::method_of(head->path)) == head->path);
  }
  grpc::for_each_metadata(head->fields, [](std::string_view name, std::string_view value) {
    PENSTOCK_CHECK(grpc::is_custom_metadata(name));
    if (!grpc::is_binary_metadata(name)) return;
    const auto values = grpc::decode_binary_metadata({name, value});
    if (values) PENSTOCK_CHECK(!values->empty());
  });
}

void check_timeout(std::string_view text) {
  const auto timeout = grpc::parse_timeout(text);
  if (!timeout) return check_list(grpc::trailers_only(timeout.error()));
  PENSTOCK_CHECK(*timeout >= 0 && text.size() >= 2 && text.size() <= 9);
}

void check_binary(std::string_view bytes) {
  const std::string code = grpc::encode_binary_metadata(bytes);
  PENSTOCK_CHECK(is_sendable(code));
  const auto again = grpc::decode_binary_metadata({"a-bin", code});
  PENSTOCK_CHECK(again.has_value() && again->size() == 1 && again->front() == bytes);
  // As a peer may send it: whatever is accepted is the same after another turn.
  const auto values = grpc::decode_binary_metadata({"a-bin", bytes});
  if (!values) return;
  for (const std::string& value : *values) {
    const auto once_more =
        grpc::decode_binary_metadata({"a-bin", grpc::encode_binary_metadata(value)});
    PENSTOCK_CHECK(once_more.has_value() && once_more->front() == value);
  }
}

void check_message(std::string_view text, std::size_t bytes_max) {
  const std::string code = grpc::percent_encode(text, bytes_max);
  PENSTOCK_CHECK(is_sendable(code) && code.size() <= bytes_max);
  PENSTOCK_CHECK(base::is_utf8(grpc::percent_decode(code)));
  if (base::is_utf8(text) && 3 * text.size() <= bytes_max) {
    PENSTOCK_CHECK(grpc::percent_decode(code) == text);
  }
  touch(grpc::percent_decode(text));
  grpc::FieldList list;
  list.add_metadata("a", text);
  list.add_metadata("a-bin", text);
  check_list(list);
  const grpc::FieldList trailers =
      grpc::error_trailers({base::Code::kInvalidArgument, std::string(text)});
  check_list(trailers);
  PENSTOCK_CHECK(!grpc::status_of(trailers.fields()));
  const http::Field raw[] = {{"grpc-status", text}, {"grpc-message", text}};
  (void)grpc::status_of(raw);
}

void run(Input input) {
  switch (input.u8() % 4) {
    case 0: return check_head(input.rest());
    case 1: return check_timeout(input.rest());
    case 2: return check_binary(input.rest());
    default: {
      const std::size_t most = 16 + std::size_t{input.u8()} * 16;
      return check_message(input.rest(), most);
    }
  }
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::run({bytes, size});
  return 0;
}
