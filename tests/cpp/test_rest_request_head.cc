// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <vector>

#include "harness.h"
#include "rest/request_head.h"

namespace penstock {
namespace {

using rest::answer_coding;
using rest::Coding;

std::expected<rest::RequestHead, rest::Refusal> head_of(std::vector<http::Field> more) {
  std::vector<http::Field> fields = {{":method", "POST"}, {":path", "/v2/models/m/infer?q"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return rest::parse_request_head(fields);
}

std::string why_not(std::vector<http::Field> fields) {
  const auto head = head_of(std::move(fields));
  return head ? "" : head.error().error.why;
}

TEST(rest_request_head, says_what_the_body_is) {
  const auto head = head_of({{"content-length", "120"},
                             {"inference-header-content-length", "100"},
                             {"content-type", "application/octet-stream"},
                             {"content-encoding", "X-Gzip"},
                             {"accept-encoding", "gzip, deflate"},
                             {"accept-encoding", "br"}});
  REQUIRE(head.has_value());
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->path, "/v2/models/m/infer?q");
  EXPECT(head->content_coding == Coding::kGzip && head->answer_coding == Coding::kGzip);
  EXPECT(head->content_bytes == 120U);
  EXPECT(head->json_bytes == 100U);
}

TEST(rest_request_head, says_nothing_of_what_is_not_there) {
  const auto head = head_of({{"host", "h"}});
  REQUIRE(head.has_value());
  EXPECT(!head->json_bytes && !head->content_bytes);
  EXPECT(head->content_coding == Coding::kIdentity && head->answer_coding == Coding::kIdentity);
}

TEST(rest_request_head, numbers_are_digits_and_come_once) {
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x1", "1,1", "18446744073709551616"}) {
    EXPECT_CONTAINS(why_not({{"inference-header-content-length", text}}), "Unable to parse");
    EXPECT_CONTAINS(why_not({{"content-length", text}}), "Unable to parse Content-Length");
  }
  EXPECT_EQ(why_not({{"content-length", "1"}, {"content-length", "1"}}), "");
  EXPECT_CONTAINS(why_not({{"content-length", "1"}, {"content-length", "2"}}), "two values");
  EXPECT_CONTAINS(
      why_not({{"inference-header-content-length", "1"}, {"inference-header-content-length", "2"}}),
      "two values");
}

TEST(rest_request_head, a_body_has_the_json_that_is_announced) {
  EXPECT_EQ(rest::json_bytes_of(std::nullopt, 7).value_or(99), 7);
  EXPECT_EQ(rest::json_bytes_of(7, 7).value_or(99), 7);
  const auto refused = rest::json_bytes_of(7, 6);
  REQUIRE(!refused.has_value());
  EXPECT_CONTAINS(refused.error().why, "inference header size should be in range (0, 6), got: 7");
}

TEST(rest_request_head, a_coding_that_is_not_known_is_unsupported) {
  for (const char* coding : {"br", "gzip, gzip", "gzip, deflate", "gzip;q=1", "gzi"}) {
    const auto head = head_of({{"content-encoding", coding}});
    REQUIRE(!head.has_value());
    EXPECT_EQ(head.error().status, 415);
  }
  for (const char* coding : {"", "identity", "identity, gzip", "DEFLATE", ", gzip"}) {
    EXPECT_EQ(why_not({{"content-encoding", coding}}), "");
  }
}

TEST(rest_coding, the_answers_coding_is_what_the_client_likes_best) {
  EXPECT(answer_coding("") == Coding::kIdentity);
  EXPECT(answer_coding("gzip") == Coding::kGzip);
  EXPECT(answer_coding("deflate, gzip") == Coding::kGzip);
  EXPECT(answer_coding("deflate;q=1.0, gzip;q=0.999") == Coding::kDeflate);
  EXPECT(answer_coding("gzip;q=0, deflate") == Coding::kDeflate);
  EXPECT(answer_coding("gzip;q=0") == Coding::kIdentity);
  EXPECT(answer_coding("gzip;q=0.5, identity") == Coding::kIdentity);
  EXPECT(answer_coding("identity;q=0.5, gzip ; q=0.7") == Coding::kGzip);
  EXPECT(answer_coding("*") == Coding::kGzip);
  EXPECT(answer_coding("gzip;q=0, *;q=0.5") == Coding::kDeflate);
  EXPECT(answer_coding("br, zstd") == Coding::kIdentity);
  EXPECT(answer_coding("identity;q=0, *;q=0") == Coding::kIdentity);
  for (const char* malformed : {"gzip;q=2", "gzip;q=", "gzip;", "gzip;q=0.1234", "gzip;q=.5",
                                "gzip;x=1", "gzip;q=1.001", "gzip;q=0,5x", ",,,", "gz ip"}) {
    EXPECT(answer_coding(malformed) == Coding::kIdentity);
  }
}

}  // namespace
}  // namespace penstock
