// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "grpc/status.h"
#include "harness.h"

namespace penstock::grpc {
namespace {

using base::Code;
using base::Error;
using http::Field;

std::string text_of(std::span<const Field> fields) {
  std::string text;
  for (const Field& field : fields) {
    text += std::string(field.name) + ": " + std::string(field.value) + "\n";
  }
  return text;
}

TEST(grpc_status, printable_ascii_stays_as_it_is_except_the_percent_sign) {
  std::string all = "|";
  std::string code = "|";
  for (char c = 0x20; c <= 0x7E; ++c) {
    all.push_back(c);
    code += c == '%' ? std::string("%25") : std::string(1, c);
  }
  EXPECT_EQ(percent_encode(all), code);
  EXPECT_EQ(percent_decode(code), all);
}

TEST(grpc_status, other_bytes_become_two_upper_case_digits) {
  EXPECT_EQ(percent_encode("a\tb\r\nc\x7F"), "a%09b%0D%0Ac%7F");
  EXPECT_EQ(percent_encode(std::string_view("\0", 1)), "%00");
  EXPECT_EQ(percent_encode("gr\xC3\xBC\xC3\x9F"), "gr%C3%BC%C3%9F");
  EXPECT_EQ(percent_encode("\xE4\xB8\x96\xF0\x9F\x98\x80"), "%E4%B8%96%F0%9F%98%80");
  EXPECT_EQ(percent_encode("100% of 3"), "100%25 of 3");
  EXPECT_EQ(percent_encode(""), "");
}

TEST(grpc_status, a_blank_at_either_end_is_encoded_because_http2_forbids_it_there) {
  EXPECT_EQ(percent_encode(" a b "), "%20a b%20");
  EXPECT_EQ(percent_encode(" "), "%20");
  EXPECT_EQ(percent_decode(percent_encode("  a  ")), "  a  ");
}

TEST(grpc_status, what_is_not_utf8_becomes_replacement_characters) {
  EXPECT_EQ(percent_encode("a\xFF"
                           "b"),
            "a%EF%BF%BDb");
  EXPECT_EQ(percent_encode("\xC3"), "%EF%BF%BD");               // cut short
  EXPECT_EQ(percent_encode("\x80"), "%EF%BF%BD");               // no lead byte
  EXPECT_EQ(percent_encode("\xC0\x80"), "%EF%BF%BD%EF%BF%BD");  // overlong
  EXPECT_EQ(percent_encode("\xE0\x80\x80").size(), 27);         // overlong
  EXPECT_EQ(percent_encode("\xED\xA0\x80").size(), 27);         // a surrogate
  EXPECT_EQ(percent_encode("\xF0\x80\x80\x80").size(), 36);     // overlong
  EXPECT_EQ(percent_encode("\xF4\x90\x80\x80").size(), 36);     // beyond U+10FFFF
  EXPECT_EQ(percent_encode("\xF4\x8F\xBF\xBF"), "%F4%8F%BF%BF");
}

TEST(grpc_status, broken_percent_codes_are_left_as_they_are) {
  EXPECT_EQ(percent_decode("%"), "%");
  EXPECT_EQ(percent_decode("%4"), "%4");
  EXPECT_EQ(percent_decode("a%zzb"), "a%zzb");
  EXPECT_EQ(percent_decode("%%41"), "%A");
  EXPECT_EQ(percent_decode("%c3%BC"), "\xC3\xBC");
}

TEST(grpc_status, a_message_of_just_the_bound_is_whole_and_one_more_byte_is_cut) {
  const std::string fits(kStatusMessageBytesMax, 'a');
  EXPECT_EQ(percent_encode(fits), fits);
  const std::string cut = percent_encode(fits + "a");
  EXPECT_EQ(cut.size(), kStatusMessageBytesMax);
  EXPECT(cut.ends_with("a..."));
}

TEST(grpc_status, a_long_message_is_cut_between_characters) {
  for (std::size_t shift = 0; shift < 12; ++shift) {
    std::string text(shift, 'a');
    for (int i = 0; i < 4000; ++i) text += "\xE4\xB8\x96";
    const std::string code = percent_encode(text);
    EXPECT_LE(code.size(), kStatusMessageBytesMax);
    EXPECT(code.ends_with("%E4%B8%96..."));
    EXPECT_EQ((code.size() - shift - 3) % 9, 0);
  }
}

TEST(grpc_status, an_error_becomes_its_number_and_its_sentence) {
  const FieldList list = error_trailers({Code::kNotFound, "no model \"x\" at 100%"});
  EXPECT_EQ(text_of(list.fields()), "grpc-status: 5\ngrpc-message: no model \"x\" at 100%25\n");
}

TEST(grpc_status, an_error_without_a_sentence_has_no_message_field) {
  EXPECT_EQ(text_of(error_trailers({Code::kAborted, ""}).fields()), "grpc-status: 10\n");
}

TEST(grpc_status, every_code_comes_back) {
  for (int number = 1; number <= 16; ++number) {
    const Error error{static_cast<Code>(number), "why\n" + std::to_string(number)};
    const auto trailers = error_trailers(error);
    const auto only = trailers_only(error);
    EXPECT(status_of(trailers.fields()).error() == error);
    EXPECT(status_of(only.fields()).error() == error);
  }
  EXPECT(status_of(ok_trailers()).has_value());
}

TEST(grpc_status, trailers_without_a_status_that_grpc_knows_are_an_unknown_error) {
  for (const std::string_view value : {"", "17", "-1", "0x", "1 ", "99999999999999999999"}) {
    const std::vector<Field> fields = {{"grpc-status", value}};
    REQUIRE(!status_of(fields).has_value());
    EXPECT(status_of(fields).error().code == Code::kUnknown);
  }
  EXPECT(status_of({}).error().code == Code::kUnknown);
}

TEST(grpc_status, a_trailers_only_answer_is_one_whole_header_list) {
  EXPECT_EQ(text_of(trailers_only({Code::kUnavailable, "not yet"}).fields()),
            ":status: 200\ncontent-type: application/grpc\ngrpc-status: 14\n"
            "grpc-message: not yet\n");
}

TEST(grpc_status, a_rejection_keeps_its_http_status) {
  EXPECT_EQ(
      text_of(rejection_headers(Rejection{{Code::kInvalidArgument, "no"}, 415, false}).fields()),
      ":status: 415\ncontent-type: application/grpc\ngrpc-status: 3\ngrpc-message: no\n");
  EXPECT_EQ(
      text_of(rejection_headers(Rejection{{Code::kInvalidArgument, "no"}, 405, false}).fields()),
      ":status: 405\ncontent-type: application/grpc\nallow: POST\ngrpc-status: 3\n"
      "grpc-message: no\n");
}

TEST(grpc_status, an_unknown_encoding_is_answered_with_the_known_ones) {
  EXPECT_EQ(text_of(rejection_headers(Rejection{{Code::kUnimplemented, "no"}, 200, true}).fields()),
            ":status: 200\ncontent-type: application/grpc\n"
            "grpc-accept-encoding: identity,deflate,gzip\ngrpc-status: 12\ngrpc-message: no\n");
}

TEST(grpc_status, answers_name_their_encoding_and_to_compressed_requests_the_accepted_ones) {
  using enum Encoding;
  const std::string plain = ":status: 200\ncontent-type: application/grpc\n";
  const std::string told = "grpc-accept-encoding: identity,deflate,gzip\n";
  EXPECT_EQ(text_of(response_headers(kIdentity, kIdentity)), plain);
  EXPECT_EQ(text_of(response_headers(kIdentity, kGzip)), plain + told);
  EXPECT_EQ(text_of(response_headers(kGzip, kIdentity)), plain + "grpc-encoding: gzip\n");
  EXPECT_EQ(text_of(response_headers(kGzip, kGzip)), plain + "grpc-encoding: gzip\n" + told);
  EXPECT_EQ(text_of(response_headers(kDeflate, kIdentity)), plain + "grpc-encoding: deflate\n");
  EXPECT_EQ(text_of(response_headers(kDeflate, kGzip)), plain + "grpc-encoding: deflate\n" + told);
}

}  // namespace
}  // namespace penstock::grpc
