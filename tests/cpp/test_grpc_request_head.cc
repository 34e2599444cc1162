// SPDX-License-Identifier: Apache-2.0
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grpc/metadata.h"
#include "grpc/request_head.h"
#include "harness.h"

namespace penstock::grpc {
namespace {

using base::Code;
using http::Field;

// The head that gRPC's C++ and Python clients send, with `more` after it.
std::vector<Field> head_with(std::vector<Field> more) {
  std::vector<Field> fields = {{":scheme", "http"},
                               {":method", "POST"},
                               {":authority", "127.0.0.1:8001"},
                               {":path", "/inference.GRPCInferenceService/ModelInfer"},
                               {"te", "trailers"},
                               {"content-type", "application/grpc"},
                               {"user-agent", "grpc-python/1.85.1"},
                               {"grpc-accept-encoding", "identity, deflate, gzip"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

// The same, with one value changed.
std::vector<Field> head_where(std::string_view name, std::string_view value) {
  std::vector<Field> fields = head_with({});
  for (Field& field : fields) {
    if (field.name == name) field.value = value;
  }
  return fields;
}

base::Nanos timeout_of(std::string_view value) { return parse_timeout(value).value_or(-1); }

int http_status_of(std::span<const Field> fields) {
  const auto head = parse_request_head(fields);
  return head ? 200 : head.error().http_status;
}

TEST(grpc_request_head, a_usual_head_is_read_in_place) {
  const auto fields = head_with({{"grpc-timeout", "1S"}, {"x-trace", "a1"}});
  const auto head = parse_request_head(fields);
  REQUIRE(head.has_value());
  EXPECT_EQ(head->path, "/inference.GRPCInferenceService/ModelInfer");
  EXPECT(head->path.data() == fields[3].value.data());
  EXPECT_EQ(head->timeout_ns, base::kSecond);
  EXPECT(head->encoding == Encoding::kIdentity);
  EXPECT(head->accepted.has(Encoding::kGzip) && head->accepted.has(Encoding::kDeflate));
}

TEST(grpc_request_head, without_a_timeout_a_call_may_take_for_ever) {
  const auto fields = head_with({});
  const auto head = parse_request_head(fields);
  REQUIRE(head.has_value());
  EXPECT_EQ(head->timeout_ns, base::kNever);
}

TEST(grpc_request_head, another_method_than_post_is_an_http_405) {
  for (const std::string_view method : {"GET", "post", "PUT", ""}) {
    const auto fields = head_where(":method", method);
    const auto head = parse_request_head(fields);
    REQUIRE(!head.has_value());
    EXPECT_EQ(head.error().http_status, 405);
    EXPECT_CONTAINS(head.error().error.why, "POST");
  }
}

TEST(grpc_request_head, grpc_content_types_are_taken) {
  for (const std::string_view type :
       {"application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8",
        "application/grpc+proto;v=1", "application/grpc ; a=b", "Application/GRPC"}) {
    EXPECT(parse_request_head(head_where("content-type", type)).has_value());
  }
}

TEST(grpc_request_head, another_content_type_is_an_http_415) {
  for (const std::string_view type :
       {"", "application/json", "application/grp", "application/grpc-web", "application/grpcx",
        "application/grpc+json", "application/grpc+protobuf", "text/plain;application/grpc"}) {
    const auto head = parse_request_head(head_where("content-type", type));
    REQUIRE(!head.has_value());
    EXPECT_EQ(head.error().http_status, 415);
    EXPECT_CONTAINS(head.error().error.why, "application/grpc");
  }
}

TEST(grpc_request_head, a_head_without_content_type_is_an_http_415) {
  const std::vector<Field> fields = {{":method", "POST"}, {":path", "/a.B/C"}};
  EXPECT_EQ(http_status_of(fields), 415);
}

TEST(grpc_request_head, te_may_be_missing) {
  const std::vector<Field> fields = {
      {":method", "POST"}, {":path", "/a.B/C"}, {"content-type", "application/grpc"}};
  EXPECT(parse_request_head(fields).has_value());
}

TEST(grpc_request_head, every_timeout_unit_counts) {
  EXPECT_EQ(timeout_of("1S"), base::kSecond);
  EXPECT_EQ(timeout_of("7n"), 7);
  EXPECT_EQ(timeout_of("250u"), 250 * base::kMicrosecond);
  EXPECT_EQ(timeout_of("99999999m"), 99'999'999 * base::kMillisecond);
  EXPECT_EQ(timeout_of("2M"), 120 * base::kSecond);
  EXPECT_EQ(timeout_of("3H"), 3 * 3600 * base::kSecond);
  EXPECT_EQ(timeout_of("00000001S"), base::kSecond);
}

TEST(grpc_request_head, a_timeout_of_zero_has_passed_already) {
  EXPECT_EQ(timeout_of("0n"), 0);
  EXPECT_EQ(timeout_of("00000000H"), 0);
}

TEST(grpc_request_head, a_timeout_beyond_nanoseconds_never_comes) {
  EXPECT_EQ(timeout_of("99999999H"), base::kNever);
  EXPECT_EQ(timeout_of("2562048H"), base::kNever);
  EXPECT_LT(timeout_of("2562047H"), base::kNever);
  EXPECT_LT(timeout_of("99999999M"), base::kNever);
}

TEST(grpc_request_head, a_timeout_that_is_none_is_refused) {
  for (const std::string_view value : {"", "S", "1", "1s", "1.5S", "-1S", "+1S", " 1S", "1S ",
                                       "1 S", "0x1S", "123456789S", "1SS", "12"}) {
    const auto timeout = parse_timeout(value);
    REQUIRE(!timeout.has_value());
    EXPECT(timeout.error().code == Code::kInvalidArgument);
    const auto fields = head_with({{"grpc-timeout", value}});
    const auto head = parse_request_head(fields);
    REQUIRE(!head.has_value());
    EXPECT_EQ(head.error().http_status, 200);
    EXPECT_CONTAINS(head.error().error.why, "grpc-timeout");
  }
}

TEST(grpc_request_head, known_encodings_are_taken) {
  EXPECT(parse_request_head(head_with({{"grpc-encoding", "gzip"}}))->encoding == Encoding::kGzip);
  EXPECT(parse_request_head(head_with({{"grpc-encoding", "deflate"}}))->encoding ==
         Encoding::kDeflate);
  EXPECT(parse_request_head(head_with({{"grpc-encoding", "identity"}}))->encoding ==
         Encoding::kIdentity);
}

TEST(grpc_request_head, an_unknown_encoding_is_unimplemented_and_the_answer_names_the_known_ones) {
  for (const std::string_view name : {"snappy", "GZIP", "", "gzip,deflate"}) {
    const auto fields = head_with({{"grpc-encoding", name}});
    const auto head = parse_request_head(fields);
    REQUIRE(!head.has_value());
    EXPECT(head.error().error.code == Code::kUnimplemented);
    EXPECT_EQ(head.error().http_status, 200);
    EXPECT(head.error().names_encodings);
  }
}

TEST(grpc_request_head, accepted_encodings_are_read_with_and_without_blanks) {
  EncodingSet gzip;
  gzip.add(Encoding::kGzip);
  EXPECT(parse_accept_encoding("gzip") == gzip);
  EXPECT(parse_accept_encoding(" gzip ,identity") == gzip);
  EXPECT(parse_accept_encoding("snappy,,gzip,") == gzip);
  EXPECT(parse_accept_encoding("GZIP, br") == EncodingSet());
  EXPECT(parse_accept_encoding("") == EncodingSet());
  EXPECT(EncodingSet().has(Encoding::kIdentity));
  EncodingSet all = gzip;
  all.add(Encoding::kDeflate);
  EXPECT(parse_accept_encoding("deflate,gzip") == all);
  EXPECT(parse_accept_encoding(kAcceptedEncodings) == all);
}

TEST(grpc_request_head, repeated_accept_fields_add_up_and_repeated_others_count_last) {
  const std::vector<Field> fields = {{":method", "POST"},
                                     {":path", "/a.B/C"},
                                     {"content-type", "application/grpc"},
                                     {"grpc-accept-encoding", "gzip"},
                                     {"grpc-timeout", "1S"},
                                     {"grpc-accept-encoding", "deflate"},
                                     {"grpc-timeout", "2S"}};
  const auto head = parse_request_head(fields);
  REQUIRE(head.has_value());
  EXPECT(head->accepted.has(Encoding::kGzip) && head->accepted.has(Encoding::kDeflate));
  EXPECT_EQ(head->timeout_ns, 2 * base::kSecond);
}

TEST(grpc_request_head, a_long_wrong_value_does_not_come_back_whole) {
  const std::string value(10'000, 'x');
  const auto fields = head_with({{"grpc-encoding", value}});
  EXPECT_LT(parse_request_head(fields).error().error.why.size(), 300);
}

TEST(grpc_request_head, metadata_is_what_grpc_does_not_keep_to_itself) {
  const auto fields = head_with({{"grpc-timeout", "1S"},
                                 {"x-tenant", "blue"},
                                 {"trace-bin", "AAEC"},
                                 {"grpc-previous-rpc-attempts", "1"},
                                 {"content-length", "12"},
                                 {"x-tenant", "red"}});
  std::string seen;
  for_each_metadata(fields, [&seen](std::string_view name, std::string_view value) {
    seen += std::string(name) + "=" + std::string(value) + " ";
  });
  EXPECT_EQ(seen,
            "user-agent=grpc-python/1.85.1 x-tenant=blue trace-bin=AAEC "
            "grpc-previous-rpc-attempts=1 x-tenant=red ");
}

TEST(grpc_request_head, an_answer_is_compressed_only_when_asked_for_and_understood) {
  EncodingSet none;
  EncodingSet all = parse_accept_encoding(kAcceptedEncodings);
  EncodingSet deflate;
  deflate.add(Encoding::kDeflate);
  using enum Encoding;
  EXPECT(answer_encoding(CompressionLevel::kNone, kGzip, all) == kIdentity);
  EXPECT(answer_encoding(CompressionLevel::kLow, kGzip, none) == kIdentity);
  EXPECT(answer_encoding(CompressionLevel::kLow, kIdentity, all) == kGzip);
  EXPECT(answer_encoding(CompressionLevel::kLow, kDeflate, all) == kDeflate);
  EXPECT(answer_encoding(CompressionLevel::kHigh, kGzip, deflate) == kDeflate);
  EXPECT(compression_level_named("medium") == CompressionLevel::kMedium);
  EXPECT(!compression_level_named("fast").has_value());
}

}  // namespace
}  // namespace penstock::grpc
