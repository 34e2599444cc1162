// SPDX-License-Identifier: Apache-2.0
#include "http1/parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/optional.hpp>
#include <cstdint>
#include <limits>
#include <optional>

#include "http1/syntax.h"

namespace penstock::http1 {
namespace {

namespace beast = boost::beast;
using beast::error_code;

std::string_view view_of(beast::string_view text) { return {text.data(), text.size()}; }

// Its base's callbacks write down what it reads and return.
class RequestParser final : public beast::http::basic_parser<true> {
 public:
  RequestParser() {
    // LineScan has held the head against Limits.
    header_limit(std::numeric_limits<std::uint32_t>::max());
    // Not boost::none, which Beast 1.74 holds to be less than any Content-Length. Bodies are
    // counted by whoever has a use for them.
    body_limit(std::numeric_limits<std::uint64_t>::max());
  }

  FieldSink* sink = nullptr;  // only while a head is read
  std::string_view method;
  std::string_view target;
  int version = 0;
  std::span<const std::byte> data;  // of the last call

 private:
  void on_request_impl(beast::http::verb, beast::string_view method_text,
                       beast::string_view target_text, int number, error_code&) override {
    method = view_of(method_text);
    target = view_of(target_text);
    version = number;
  }
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_field_impl(beast::http::field field, beast::string_view name, beast::string_view value,
                     error_code&) override {
    if (sink == nullptr) return;  // a trailer
    if (field == beast::http::field::host) return;
    if (field == beast::http::field::connection) sink->connections.push_back(view_of(value));
    const std::string_view lower_case = sink->text.keep_lower_case(view_of(name));
    if (!is_hop_by_hop(lower_case)) sink->fields.push_back({lower_case, view_of(value)});
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, error_code&) override {
    data = std::as_bytes(std::span(body.data(), body.size()));
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override {
    data = std::as_bytes(std::span(body.data(), body.size()));
    return body.size();
  }
  void on_finish_impl(error_code&) override {}
};

}  // namespace

class Parser::Beast {
 public:
  std::optional<RequestParser> parser;  // one for each request: it cannot be used again
};

Parser::Parser() : beast_(std::make_unique<Beast>()) {}
Parser::~Parser() = default;

bool Parser::read_head(std::string_view head, const HeadFacts& facts, FieldSink sink) {
  RequestParser& parser = beast_->parser.emplace();
  parser.sink = &sink;
  error_code code;
  const std::size_t read = parser.put(boost::asio::const_buffer(head.data(), head.size()), code);
  parser.sink = nullptr;
  if (code || read != head.size() || !parser.is_header_done()) return false;
  const auto length = parser.content_length();
  const bool has_same_length = length.has_value() == facts.content_length.has_value() &&
                               length.value_or(0) == facts.content_length.value_or(0);
  return parser.method == facts.method && parser.target == facts.target &&
         (parser.version == 10) == facts.is_http10 && parser.chunked() == facts.is_chunked &&
         has_same_length;
}

Parser::Part Parser::read_body(std::span<const std::byte> input) {
  RequestParser& parser = *beast_->parser;
  parser.data = {};
  error_code code;
  const std::size_t read = parser.put(boost::asio::const_buffer(input.data(), input.size()), code);
  return {.read = read, .data = parser.data, .is_sound = !code && read > 0};
}

bool Parser::is_done() const { return !beast_->parser || beast_->parser->is_done(); }

}  // namespace penstock::http1
