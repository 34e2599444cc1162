// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <random>
#include <string>

#include "harness.h"
#include "rest/body.h"
#include "rest/body_reader.h"

namespace penstock::testing {
namespace {

using rest::BodyReader;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(const base::Slice& slice) {
  return {reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size()};
}

}  // namespace

TEST(rest_body_reader, it_is_what_came_wherever_it_is_cut) {
  std::minstd_rand random(7);
  std::string text(200'000, ' ');
  for (char& one : text) one = static_cast<char>(random());
  for (const BodyReader::Layout layout :
       {BodyReader::Layout::kPadded, BodyReader::Layout::kEndAligned}) {
    for (const bool is_announced : {false, true}) {
      BodyReader body;
      REQUIRE(body.begin({.bytes_max = text.size(),
                          .announced = is_announced ? std::optional(text.size()) : std::nullopt,
                          .layout = layout})
                  .has_value());
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t part = std::min<std::size_t>(1 + random() % 9000, text.size() - at);
        REQUIRE(body.read(bytes_of(text).subspan(at, part)).has_value());
        at += part;
      }
      EXPECT_EQ(text_of(body.take()), text);
      EXPECT_EQ(body.held_bytes(), 0U);
    }
  }
}

TEST(rest_body_reader, a_padded_one_has_room_behind_it_and_the_end_of_the_other_is_aligned) {
  const std::string text(1000, 'x');
  BodyReader body;
  REQUIRE(body.begin({.bytes_max = 4096, .announced = 1000}).has_value());
  REQUIRE(body.read(bytes_of(text)).has_value());
  const base::Slice padded = body.take();
  const auto before = static_cast<std::size_t>(padded.bytes.data() - padded.owner.data());
  EXPECT(padded.owner.size() - before - padded.bytes.size() >= BodyReader::kPaddingBytes);

  REQUIRE(
      body.begin({.bytes_max = 4096, .announced = 1000, .layout = BodyReader::Layout::kEndAligned})
          .has_value());
  REQUIRE(body.read(bytes_of(text)).has_value());
  const base::Slice aligned = body.take();
  const auto end = reinterpret_cast<std::uintptr_t>(aligned.bytes.data() + aligned.bytes.size());
  EXPECT_EQ(end % base::kTensorAlignment, 0U);
}

TEST(rest_body_reader, more_than_may_come_is_refused_whether_announced_or_not) {
  const std::string text(101, 'x');
  BodyReader body;
  const auto announced = body.begin({.bytes_max = 100, .announced = 101});
  REQUIRE(!announced.has_value());
  EXPECT_EQ(announced.error().status, 413);
  EXPECT_EQ(announced.error().error.why, rest::too_large(100).error.why);
  REQUIRE(body.begin({.bytes_max = 100}).has_value());
  EXPECT(body.read(bytes_of(text).first(100)).has_value());
  EXPECT(!body.read(bytes_of(text).last(1)).has_value());
}

TEST(rest_body_reader, an_announced_length_alone_takes_little_memory) {
  const std::string text(4096, 'x');
  BodyReader body;
  REQUIRE(body.begin({.bytes_max = std::size_t{1} << 30, .announced = std::size_t{1} << 30})
              .has_value());
  EXPECT_EQ(body.held_bytes(), 0U);
  REQUIRE(body.read(bytes_of(text)).has_value());
  EXPECT(body.held_bytes() <= BodyReader::kEagerBytesMax + BodyReader::kPaddingBytes);
}

TEST(rest_body_reader, nothing_is_a_body_too) {
  BodyReader body;
  REQUIRE(body.begin({.bytes_max = 100, .announced = 0}).has_value());
  EXPECT(body.take().bytes.empty());
}

}  // namespace penstock::testing
