// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "harness.h"
#include "serving/request_facts.h"

namespace penstock::testing {
namespace {

using serving::kRequestFactsBytesMax;
using serving::request_facts;

wire::InferRequest with_parameters(std::initializer_list<wire::Parameter> parameters) {
  wire::InferRequest request;
  request.parameters_pool = parameters;
  request.parameters = {.begin = 0, .end = static_cast<std::uint32_t>(parameters.size())};
  return request;
}

}  // namespace

TEST(serving_request_facts, a_request_that_says_nothing_has_none) {
  EXPECT_EQ(request_facts({}).value(), "");
}

TEST(serving_request_facts, they_are_its_id_the_outputs_it_asks_for_and_its_parameters) {
  wire::InferRequest request = with_parameters({{"b", true},
                                                {"i", std::int64_t{-7}},
                                                {"u", std::numeric_limits<std::uint64_t>::max()},
                                                {"d", 0.1},
                                                {"whole", 3.0},
                                                {"huge", 1e300},
                                                {"s", std::string_view("text")}});
  request.id = "seven";
  request.outputs = {{.name = "y", .parameters = {}}, {.name = "z", .parameters = {}}};
  EXPECT_EQ(request_facts(request).value(),
            R"({"id":"seven","outputs":["y","z"],"parameters":{"b":true,"i":-7,)"
            R"("u":18446744073709551615,"d":0.1,"whole":3.0,"huge":1e+300,"s":"text"}})");
}

TEST(serving_request_facts, numbers_that_json_lacks_are_written_as_python_reads_them) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto request = with_parameters(
      {{"n", std::numeric_limits<double>::quiet_NaN()}, {"p", kInfinity}, {"m", -kInfinity}});
  EXPECT_EQ(request_facts(request).value(),
            R"({"parameters":{"n":NaN,"p":Infinity,"m":-Infinity}})");
}

TEST(serving_request_facts, texts_are_escaped) {
  wire::InferRequest request;
  constexpr std::string_view kId("\"\\\n\0\x1f/\xc3\xa9", 8);
  request.id = kId;
  EXPECT_EQ(request_facts(request).value(), "{\"id\":\"\\\"\\\\\\u000a\\u0000\\u001f/\xc3\xa9\"}");
}

TEST(serving_request_facts, forwarded_headers_are_texts_beside_the_parameters) {
  const std::vector<serving::ForwardedHeader> headers = {
      {"x-a", "1"}, {"timeout", "soon"}, {"x-a", "\"2\""}, {"x-e", "\xc3\xa9"}};
  EXPECT_EQ(request_facts({}, headers).value(),
            "{\"headers\":{\"x-a\":\"1\",\"timeout\":\"soon\",\"x-a\":\"\\\"2\\\"\","
            "\"x-e\":\"\xc3\xa9\"}}");
  EXPECT_EQ(request_facts(with_parameters({{"b", true}}), std::span(headers).first(1)).value(),
            R"({"parameters":{"b":true},"headers":{"x-a":"1"}})");
}

TEST(serving_request_facts, a_forwarded_header_that_is_not_utf8_is_refused) {
  const std::vector<serving::ForwardedHeader> headers = {{"x-a", "caf\xe9"}};
  const auto refused = request_facts({}, headers);
  REQUIRE(!refused.has_value());
  EXPECT_EQ(refused.error().code, base::Code::kInvalidArgument);
  EXPECT_EQ(refused.error().why,
            "header \"x-a\" is forwarded to the model as a parameter, and must be UTF-8 for it");
}

TEST(serving_request_facts, more_than_a_model_is_told_is_refused) {
  const std::string long_text(kRequestFactsBytesMax, 'a');
  const auto refused = request_facts(with_parameters({{"s", std::string_view(long_text)}}));
  REQUIRE(!refused.has_value());
  EXPECT_EQ(refused.error().code, base::Code::kInvalidArgument);
  const std::string_view fits = std::string_view(long_text).substr(100);
  EXPECT(request_facts(with_parameters({{"s", fits}})).has_value());
}

}  // namespace penstock::testing
