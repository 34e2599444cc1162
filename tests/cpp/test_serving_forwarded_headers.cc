// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "harness.h"
#include "serving/forwarded_headers.h"

namespace penstock::testing {
namespace {

using base::NamePattern;
using serving::ForwardedHeader;
using serving::ForwardedHeaders;
using serving::kForwardedBytesMax;
using serving::kForwardedHeadersMax;

using Fields = std::vector<http::Field>;

NamePattern pattern(std::string_view text) { return NamePattern::make(text).value(); }

}  // namespace

TEST(serving_forwarded_headers, those_that_match_are_kept_in_order_with_repetitions) {
  const Fields fields = {
      {":path", "/x-"}, {"x-b", "1"}, {"accept", "*/*"}, {"x-a", ""}, {"x-b", "2"}};
  ForwardedHeaders kept;
  REQUIRE(forward_fields(fields, pattern("^x-"), kept).has_value());
  const std::vector<ForwardedHeader> wanted = {{"x-b", "1"}, {"x-a", ""}, {"x-b", "2"}};
  EXPECT(kept.headers == wanted);
  EXPECT_EQ(kept.bytes, 11U);
  kept.clear();
  EXPECT_EQ(kept.headers.size() + kept.bytes, 0U);
}

TEST(serving_forwarded_headers, pseudo_headers_are_no_headers) {
  const Fields fields = {{":path", "/"}, {"host", "a"}};
  ForwardedHeaders kept;
  REQUIRE(forward_fields(fields, pattern(".*"), kept).has_value());
  const std::vector<ForwardedHeader> wanted = {{"host", "a"}};
  EXPECT(kept.headers == wanted);
}

TEST(serving_forwarded_headers, of_a_grpc_call_they_are_among_its_metadata_of_text) {
  const Fields fields = {{":path", "/"},          {"te", "trailers"},
                         {"grpc-timeout", "1S"},  {"content-type", "application/grpc"},
                         {"user-agent", "grpc"},  {"x-bin", "AA=="},
                         {"authorization", "tok"}};
  ForwardedHeaders kept;
  REQUIRE(forward_metadata(fields, pattern(".*"), kept).has_value());
  const std::vector<ForwardedHeader> wanted = {{"user-agent", "grpc"}, {"authorization", "tok"}};
  EXPECT(kept.headers == wanted);
}

TEST(serving_forwarded_headers, their_number_is_bounded) {
  const Fields most(kForwardedHeadersMax, {"x", "y"});
  ForwardedHeaders kept;
  EXPECT(forward_fields(most, pattern("x"), kept).has_value());
  const Fields one = {{"x", "y"}};
  const auto refused = forward_fields(one, pattern("x"), kept);
  REQUIRE(!refused.has_value());
  EXPECT_EQ(refused.error().code, base::Code::kResourceExhausted);
  EXPECT_EQ(kept.headers.size(), kForwardedHeadersMax);
}

TEST(serving_forwarded_headers, their_bytes_are_bounded) {
  const std::string value(kForwardedBytesMax - 1, 'y');
  ForwardedHeaders kept;
  EXPECT(forward_fields(Fields{{"x", value}}, pattern("x"), kept).has_value());
  EXPECT_EQ(kept.bytes, kForwardedBytesMax);
  kept.clear();
  const std::string longer = value + "y";
  EXPECT(!forward_metadata(Fields{{"x", longer}}, pattern("x"), kept).has_value());
  EXPECT(kept.headers.empty());
}

}  // namespace penstock::testing
