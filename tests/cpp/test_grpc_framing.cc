// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "grpc/framing.h"
#include "harness.h"

namespace penstock::grpc {
namespace {

using base::Code;
using Bytes = std::vector<std::byte>;

Bytes pattern(std::size_t size, unsigned seed = 1) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>((i * 31 + i / 251 + seed) & 0xFF);
  }
  return bytes;
}

Bytes framed(const Bytes& message, bool is_compressed = false) {
  const auto prefix = frame_prefix(is_compressed, message.size());
  Bytes frame(prefix.begin(), prefix.end());
  frame.insert(frame.end(), message.begin(), message.end());
  return frame;
}

struct Reading {
  std::vector<Message> messages;
  base::Result<> end;
};

// Feeds `stream` in chunks of `chunk_bytes`, as DATA frames would bring it.
Reading read_all(const MessageLimits& limits, std::span<const std::byte> stream,
                 std::size_t chunk_bytes) {
  MessageReader reader(limits);
  Reading reading;
  while (!stream.empty()) {
    auto chunk = stream.first(std::min(chunk_bytes, stream.size()));
    stream = stream.subspan(chunk.size());
    while (!chunk.empty()) {
      Message message;
      const auto is_complete = reader.read(chunk, message);
      if (!is_complete) {
        reading.end = std::unexpected(is_complete.error());
        return reading;
      }
      if (*is_complete) reading.messages.push_back(message);
    }
  }
  reading.end = reader.finish();
  return reading;
}

std::uintptr_t address_of(const std::byte* byte) { return reinterpret_cast<std::uintptr_t>(byte); }

TEST(grpc_framing, a_prefix_is_a_flag_and_a_big_endian_length) {
  const std::array<std::byte, 5> expected = {std::byte{1}, std::byte{0x12}, std::byte{0x34},
                                             std::byte{0x56}, std::byte{0x78}};
  EXPECT(frame_prefix(true, 0x12345678) == expected);
  EXPECT(frame_prefix(false, 0) == (std::array<std::byte, 5>{}));
}

TEST(grpc_framing, a_message_comes_out_whole_however_it_is_cut) {
  const Bytes message = pattern(300);
  const Bytes stream = framed(message);
  for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
    const Reading reading = read_all({}, stream, chunk);
    REQUIRE(reading.end.has_value());
    REQUIRE(reading.messages.size() == 1);
    EXPECT_EQ(reading.messages[0].bytes.bytes, message);
    EXPECT(!reading.messages[0].is_compressed);
  }
}

TEST(grpc_framing, the_end_of_every_message_is_aligned) {
  for (const std::size_t size : {1U, 5U, 63U, 64U, 65U, 128U, 1000U, 70'000U, 5'000'001U}) {
    const Reading reading = read_all({}, framed(pattern(size)), 1 << 20);
    REQUIRE(reading.messages.size() == 1);
    const auto bytes = reading.messages[0].bytes.bytes;
    EXPECT_EQ(address_of(bytes.data() + bytes.size()) % base::kTensorAlignment, 0);
    EXPECT_LT(reading.messages[0].bytes.owner.size() - size, base::kTensorAlignment);
  }
}

TEST(grpc_framing, a_message_outlives_the_reader_and_the_bytes_it_came_in) {
  Message message;
  const Bytes expected = pattern(100);
  {
    MessageReader reader({});
    Bytes stream = framed(expected);
    std::span<const std::byte> data = stream;
    REQUIRE(reader.read(data, message).value_or(false));
    std::ranges::fill(stream, std::byte{0xEE});
  }
  EXPECT_EQ(message.bytes.bytes, expected);
}

TEST(grpc_framing, an_empty_message_is_a_message) {
  const Reading reading = read_all({}, framed({}), 100);
  REQUIRE(reading.end.has_value());
  REQUIRE(reading.messages.size() == 1);
  EXPECT_EQ(reading.messages[0].bytes.bytes.size(), 0);
}

TEST(grpc_framing, a_streaming_call_yields_its_messages_one_at_a_time) {
  Bytes stream;
  std::vector<Bytes> expected;
  for (const std::size_t size : {3U, 0U, 200U, 64U, 0U}) {
    expected.push_back(pattern(size, static_cast<unsigned>(size)));
    const Bytes frame = framed(expected.back());
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  for (const std::size_t chunk : {1U, 4U, 5U, 6U, 7U, 64U, 1000U}) {
    const Reading reading = read_all({.is_unary = false}, stream, chunk);
    REQUIRE(reading.end.has_value());
    REQUIRE(reading.messages.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(reading.messages[i].bytes.bytes, expected[i]);
    }
  }
}

TEST(grpc_framing, a_streaming_call_may_bring_no_message) {
  EXPECT(MessageReader({.is_unary = false}).finish().has_value());
}

TEST(grpc_framing, a_unary_call_without_a_message_is_refused) {
  const auto end = MessageReader({}).finish();
  REQUIRE(!end.has_value());
  EXPECT(end.error().code == Code::kInternal);
  EXPECT_CONTAINS(end.error().why, "without");
}

TEST(grpc_framing, a_unary_call_with_a_byte_after_its_message_is_refused) {
  Bytes stream = framed(pattern(10));
  stream.push_back(std::byte{0});
  for (const std::size_t chunk : {1U, 15U, 16U}) {
    const Reading reading = read_all({}, stream, chunk);
    EXPECT_EQ(reading.messages.size(), 1);
    REQUIRE(!reading.end.has_value());
    EXPECT(reading.end.error().code == Code::kInternal);
  }
}

TEST(grpc_framing, a_message_of_the_bound_passes_and_one_byte_more_is_refused_with_both_numbers) {
  const MessageLimits limits{.message_bytes_max = 1000};
  EXPECT(read_all(limits, framed(pattern(1000)), 100).end.has_value());
  const Reading reading = read_all(limits, framed(pattern(1001)), 100);
  REQUIRE(!reading.end.has_value());
  EXPECT(reading.end.error().code == Code::kResourceExhausted);
  EXPECT_CONTAINS(reading.end.error().why, "1001");
  EXPECT_CONTAINS(reading.end.error().why, "1000");
}

TEST(grpc_framing, a_message_that_is_too_long_is_refused_before_memory_is_taken) {
  MessageReader reader({});
  const auto prefix = frame_prefix(false, 0xFFFFFFFF);
  std::span<const std::byte> data = prefix;
  Message message;
  REQUIRE(!reader.read(data, message).has_value());
  EXPECT_EQ(reader.held_bytes(), 0);
}

TEST(grpc_framing, an_announced_length_alone_takes_little_memory) {
  MessageReader reader({});
  const auto prefix = frame_prefix(false, std::size_t{64} << 20);
  std::span<const std::byte> data = prefix;
  Message message;
  EXPECT(reader.read(data, message) == false);
  EXPECT_LE(reader.held_bytes(), MessageReader::kEagerBytesMax);
  const Bytes part(MessageReader::kEagerBytesMax);
  data = part;
  EXPECT(reader.read(data, message) == false);
  EXPECT_LE(reader.held_bytes(), MessageReader::kEagerBytesMax);
}

TEST(grpc_framing, a_long_message_survives_the_change_to_its_whole_block) {
  for (const std::size_t more : {0U, 1U, 63U, 64U, 1'000'000U}) {
    const Bytes message = pattern(MessageReader::kEagerBytesMax + more);
    for (const std::size_t chunk : {16'384U, 65'521U, 1U << 26}) {
      const Reading reading = read_all({}, framed(message), chunk);
      REQUIRE(reading.end.has_value());
      REQUIRE(reading.messages.size() == 1);
      EXPECT(std::ranges::equal(reading.messages[0].bytes.bytes, message));
    }
  }
}

TEST(grpc_framing, a_set_flag_without_an_encoding_is_refused) {
  const Reading refused = read_all({}, framed(pattern(5), true), 100);
  REQUIRE(!refused.end.has_value());
  EXPECT(refused.end.error().code == Code::kInternal);
  EXPECT_CONTAINS(refused.end.error().why, "compressed flag");
  const Reading taken = read_all({.encoding = Encoding::kGzip}, framed(pattern(5), true), 100);
  REQUIRE(taken.messages.size() == 1);
  EXPECT(taken.messages[0].is_compressed);
}

TEST(grpc_framing, a_clear_flag_with_an_encoding_is_a_plain_message) {
  const Reading reading = read_all({.encoding = Encoding::kGzip}, framed(pattern(5)), 100);
  REQUIRE(reading.messages.size() == 1);
  EXPECT(!reading.messages[0].is_compressed);
}

TEST(grpc_framing, reserved_flag_values_are_refused) {
  for (const int flag : {2, 3, 127, 128, 255}) {
    Bytes stream = framed(pattern(5));
    stream[0] = static_cast<std::byte>(flag);
    const Reading reading = read_all({.encoding = Encoding::kGzip}, stream, 100);
    REQUIRE(!reading.end.has_value());
    EXPECT(reading.end.error().code == Code::kInternal);
    EXPECT_CONTAINS(reading.end.error().why, std::to_string(flag));
  }
}

TEST(grpc_framing, a_stream_that_ends_within_a_frame_is_refused) {
  const Bytes stream = framed(pattern(20));
  for (std::size_t size = 1; size < stream.size(); ++size) {
    const Reading reading = read_all({}, std::span(stream).first(size), 7);
    REQUIRE(!reading.end.has_value());
    EXPECT(reading.end.error().code == Code::kInternal);
    EXPECT(reading.messages.empty());
  }
}

}  // namespace
}  // namespace penstock::grpc
