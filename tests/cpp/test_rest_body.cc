// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>
#include <vector>

#include "base/deflate.h"
#include "harness.h"
#include "json_requests.h"
#include "rest/body.h"

namespace penstock {
namespace {

using base::DeflateFormat;
using rest::Coding;
using testing::bytes_text;
using testing::slice_of;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string packed(DeflateFormat format, std::string_view text) {
  std::string room(text.size() + 100, '\0');
  const std::array parts = {bytes_of(text)};
  const auto size = base::deflate_pieces(format, 6, parts, std::as_writable_bytes(std::span(room)));
  EXPECT(size.has_value());
  room.resize(size.value_or(0));
  return room;
}

std::string unpacked(Coding coding, std::string_view body, std::size_t bytes_max = 1 << 20) {
  const auto plain = rest::decode_body(coding, bytes_of(body), bytes_max);
  return plain ? bytes_text(plain->bytes)
               : std::to_string(plain.error().status) + " " + plain.error().error.why;
}

std::string text_of_length(std::size_t size) {
  std::string text;
  for (std::uint32_t state = 1; text.size() < size;) {
    state = state * 1664525 + 1013904223;
    text += "abcdefgh"[state >> 29];
  }
  return text;
}

TEST(rest_body, every_coding_gives_the_body_back) {
  for (const std::size_t size : {1, 100, 4096, 4097, 300000}) {
    const std::string text = text_of_length(size);
    EXPECT(unpacked(Coding::kGzip, packed(DeflateFormat::kGzip, text)) == text);
    EXPECT(unpacked(Coding::kDeflate, packed(DeflateFormat::kZlib, text)) == text);
    EXPECT(unpacked(Coding::kDeflate, packed(DeflateFormat::kRaw, text)) == text);
  }
  EXPECT_EQ(unpacked(Coding::kGzip, packed(DeflateFormat::kGzip, "")), "");
  EXPECT_EQ(unpacked(Coding::kDeflate, packed(DeflateFormat::kRaw, "")), "");
}

TEST(rest_body, members_of_gzip_are_one_body) {
  const std::string one = packed(DeflateFormat::kGzip, "one,");
  EXPECT_EQ(unpacked(Coding::kGzip, one + packed(DeflateFormat::kGzip, "") + one), "one,one,");
  EXPECT_CONTAINS(unpacked(Coding::kGzip, one + "x"), "400 the body is no gzip stream");
  EXPECT_CONTAINS(unpacked(Coding::kGzip, one + one, 7), "413");
  EXPECT_EQ(unpacked(Coding::kGzip, one + one, 8), "one,one,");
}

TEST(rest_body, a_body_is_bounded_by_what_it_becomes) {
  const std::string bomb = packed(DeflateFormat::kGzip, std::string(10 << 20, '\0'));
  EXPECT_LT(bomb.size(), 20000);
  EXPECT_CONTAINS(unpacked(Coding::kGzip, bomb), "413 the body is larger than the 1048576 bytes");
  const std::string exact = packed(DeflateFormat::kZlib, std::string(1 << 20, '\0'));
  EXPECT_EQ(unpacked(Coding::kDeflate, exact).size(), 1 << 20);
  EXPECT_CONTAINS(unpacked(Coding::kDeflate, exact, (1 << 20) - 1), "413");
}

TEST(rest_body, what_is_corrupt_is_refused) {
  const std::string gzip = packed(DeflateFormat::kGzip, text_of_length(1000));
  EXPECT_CONTAINS(unpacked(Coding::kGzip, ""), "400");
  EXPECT_CONTAINS(unpacked(Coding::kGzip, gzip.substr(0, gzip.size() - 1)), "cut short");
  EXPECT_CONTAINS(unpacked(Coding::kGzip, "{}"), "corrupt");
  EXPECT_CONTAINS(unpacked(Coding::kDeflate, gzip), "400");
  std::string wrong = gzip;
  wrong[wrong.size() - 6] = static_cast<char>(wrong[wrong.size() - 6] ^ 1);  // its checksum
  EXPECT_CONTAINS(unpacked(Coding::kGzip, wrong), "corrupt");
  EXPECT_CONTAINS(unpacked(Coding::kDeflate, packed(DeflateFormat::kZlib, "a") + "b"),
                  "followed by other bytes");
}

TEST(rest_body, an_answer_is_compressed_where_that_saves_bytes) {
  const std::string text = text_of_length(10000);
  const std::array pieces = {slice_of(text.substr(0, 10)), slice_of(""), slice_of(text.substr(10))};
  for (const Coding coding : {Coding::kGzip, Coding::kDeflate}) {
    const base::Slice body = rest::encode_body(coding, pieces);
    EXPECT_LT(body.bytes.size(), 6000);
    EXPECT(unpacked(coding, bytes_text(body.bytes)) == text);
  }
  const std::array small = {slice_of("abc")};
  EXPECT(rest::encode_body(Coding::kGzip, small).bytes.empty());
  EXPECT(rest::encode_body(Coding::kIdentity, pieces).bytes.empty());
  EXPECT(rest::encode_body(Coding::kGzip, {}).bytes.empty());
}

}  // namespace
}  // namespace penstock
