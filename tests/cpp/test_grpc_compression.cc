// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "grpc/compression.h"
#include "grpc/framing.h"
#include "harness.h"

namespace penstock::grpc {
namespace {

using base::Code;
using Bytes = std::vector<std::byte>;

constexpr std::array<Encoding, 2> kBoth = {Encoding::kGzip, Encoding::kDeflate};
constexpr std::size_t kBytesMax = std::size_t{64} << 20;

Bytes compressible(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i / 7 % 100);
  return bytes;
}

Bytes random_bytes(std::size_t size) {
  std::mt19937 generator(7);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(generator() & 0xFF);
  return bytes;
}

// `message` behind room for a prefix, in pieces of `piece_bytes`.
std::vector<base::Slice> frame_pieces(const Bytes& frame, std::size_t piece_bytes) {
  std::vector<base::Slice> pieces;
  std::span<const std::byte> rest = frame;
  std::size_t count = std::min(rest.size(), std::max(piece_bytes, kFramePrefixBytes));
  while (!rest.empty()) {
    pieces.push_back({{}, rest.first(count)});
    rest = rest.subspan(count);
    count = std::min(rest.size(), piece_bytes);
  }
  return pieces;
}

base::Slice compressed_frame(Encoding encoding, CompressionLevel level, const Bytes& message,
                             std::size_t piece_bytes = std::size_t{1} << 30) {
  Bytes frame(kFramePrefixBytes);
  frame.insert(frame.end(), message.begin(), message.end());
  return compress_frame(encoding, level, frame_pieces(frame, piece_bytes));
}

Bytes compressed(Encoding encoding, const Bytes& message) {
  const base::Slice frame = compressed_frame(encoding, CompressionLevel::kMedium, message);
  if (frame.bytes.empty()) return {};
  const auto bytes = frame.bytes.subspan(kFramePrefixBytes);
  return {bytes.begin(), bytes.end()};
}

// "hello hello hello\n" and "", as Python's gzip and zlib modules compress them.
constexpr std::array<std::uint8_t, 29> kGzipHello = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9,
    0x57, 0xc8, 0x40, 0x90, 0x5c, 0x00, 0x3b, 0x7c, 0x8a, 0xdf, 0x12, 0x00, 0x00, 0x00};
constexpr std::array<std::uint8_t, 17> kDeflateHello = {0x78, 0x9c, 0xcb, 0x48, 0xcd, 0xc9,
                                                        0xc9, 0x57, 0xc8, 0x40, 0x90, 0x5c,
                                                        0x00, 0x40, 0xb5, 0x06, 0x87};
constexpr std::array<std::uint8_t, 20> kGzipNothing = {0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0x02, 0x03,
                                                       0x03, 0x00, 0,    0, 0, 0, 0, 0, 0,    0};
constexpr std::array<std::uint8_t, 8> kDeflateNothing = {0x78, 0x9c, 0x03, 0, 0, 0, 0, 0x01};

std::string text_of(const base::Result<base::Slice>& message) {
  if (!message) return "(refused: " + message.error().why + ")";
  return {reinterpret_cast<const char*>(message->bytes.data()), message->bytes.size()};
}

TEST(grpc_compression, what_another_program_compressed_is_read) {
  const auto read = [](Encoding encoding, std::span<const std::uint8_t> bytes) {
    return text_of(decompress(encoding, std::as_bytes(bytes), 100));
  };
  EXPECT_EQ(read(Encoding::kGzip, kGzipHello), "hello hello hello\n");
  EXPECT_EQ(read(Encoding::kDeflate, kDeflateHello), "hello hello hello\n");
  EXPECT_EQ(read(Encoding::kGzip, kGzipNothing), "");
  EXPECT_EQ(read(Encoding::kDeflate, kDeflateNothing), "");
}

TEST(grpc_compression, a_message_comes_back_at_every_level_and_in_any_pieces) {
  const Bytes message = compressible(100'000);
  for (const Encoding encoding : kBoth) {
    for (const auto level :
         {CompressionLevel::kLow, CompressionLevel::kMedium, CompressionLevel::kHigh}) {
      for (const std::size_t piece_bytes :
           {std::size_t{1} << 30, std::size_t{4096}, std::size_t{1}}) {
        const base::Slice frame = compressed_frame(encoding, level, message, piece_bytes);
        REQUIRE(!frame.bytes.empty());
        EXPECT_LT(frame.bytes.size(), message.size() / 10);
        EXPECT(std::ranges::equal(frame.bytes.first(5),
                                  frame_prefix(true, frame.bytes.size() - kFramePrefixBytes)));
        const auto back =
            decompress(encoding, frame.bytes.subspan(kFramePrefixBytes), message.size());
        REQUIRE(back.has_value());
        EXPECT(std::ranges::equal(back->bytes, message));
      }
    }
  }
}

TEST(grpc_compression, empty_pieces_in_the_middle_and_at_the_end_do_no_harm) {
  const Bytes message = compressible(1000);
  Bytes frame(kFramePrefixBytes);
  frame.insert(frame.end(), message.begin(), message.end());
  std::vector<base::Slice> pieces = frame_pieces(frame, 400);
  pieces.insert(pieces.begin() + 1, base::Slice{});
  pieces.push_back({});
  const base::Slice sent = compress_frame(Encoding::kGzip, CompressionLevel::kLow, pieces);
  REQUIRE(!sent.bytes.empty());
  const auto back = decompress(Encoding::kGzip, sent.bytes.subspan(5), 1000);
  REQUIRE(back.has_value());
  EXPECT(std::ranges::equal(back->bytes, message));
}

TEST(grpc_compression, a_decompressed_message_ends_aligned_in_a_block_of_its_size) {
  for (const Encoding encoding : kBoth) {
    for (const std::size_t size : {100U, 128U, 70'001U}) {
      const auto back = decompress(encoding, compressed(encoding, compressible(size)), kBytesMax);
      REQUIRE(back.has_value());
      const auto end = reinterpret_cast<std::uintptr_t>(back->bytes.data() + size);
      EXPECT_EQ(end % base::kTensorAlignment, 0);
      EXPECT_LT(back->owner.size() - size, base::kTensorAlignment);
    }
  }
}

TEST(grpc_compression, what_does_not_shrink_goes_out_as_it_is) {
  for (const Encoding encoding : kBoth) {
    for (const std::size_t size : {0U, 1U, 2U, 10U, 100'000U}) {
      const auto frame = compressed_frame(encoding, CompressionLevel::kHigh, random_bytes(size));
      EXPECT(frame.bytes.empty());
    }
  }
  EXPECT(compressed_frame(Encoding::kIdentity, CompressionLevel::kHigh, compressible(1000))
             .bytes.empty());
}

TEST(grpc_compression, a_message_of_the_bound_passes_and_one_byte_more_is_refused) {
  for (const Encoding encoding : kBoth) {
    const Bytes bytes = compressed(encoding, compressible(50'000));
    EXPECT(decompress(encoding, bytes, 50'000).has_value());
    const auto back = decompress(encoding, bytes, 49'999);
    REQUIRE(!back.has_value());
    EXPECT(back.error().code == Code::kResourceExhausted);
    EXPECT_CONTAINS(back.error().why, "49999");
  }
}

TEST(grpc_compression, a_bomb_is_refused_at_the_bound) {
  const Bytes zeros(std::size_t{32} << 20);
  for (const Encoding encoding : kBoth) {
    const Bytes bomb = compressed(encoding, zeros);
    EXPECT_LT(bomb.size(), 40'000);
    const auto back = decompress(encoding, bomb, 1 << 20);
    REQUIRE(!back.has_value());
    EXPECT(back.error().code == Code::kResourceExhausted);
  }
}

TEST(grpc_compression, a_gzip_trailer_that_lies_about_the_size_is_refused) {
  const Bytes honest = compressed(Encoding::kGzip, compressible(5000));
  for (const std::uint32_t claim : {0U, 1U, 4999U, 5001U, 60'000U, 60'000'000U, 0xFFFFFFFFU}) {
    Bytes lying = honest;
    for (std::size_t i = 0; i < 4; ++i) {
      lying[lying.size() - 4 + i] = static_cast<std::byte>(claim >> (8 * i));
    }
    const auto back = decompress(Encoding::kGzip, lying, kBytesMax);
    REQUIRE(!back.has_value());
    EXPECT(back.error().code == Code::kInternal);
  }
}

TEST(grpc_compression, a_stream_cut_short_anywhere_is_refused) {
  for (const Encoding encoding : kBoth) {
    const Bytes whole = compressed(encoding, compressible(5000));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto back = decompress(encoding, std::span(whole).first(size), 0xFFFFFFFF);
      REQUIRE(!back.has_value());
      EXPECT(back.error().code == Code::kInternal);
    }
  }
}

TEST(grpc_compression, bytes_after_the_stream_are_refused) {
  for (const Encoding encoding : kBoth) {
    const Bytes whole = compressed(encoding, compressible(5000));
    for (const std::size_t more : {1U, 4U, 100U}) {
      Bytes longer = whole;
      for (std::size_t i = 0; i < more; ++i) longer.push_back(std::byte{0});
      EXPECT(!decompress(encoding, longer, kBytesMax).has_value());
    }
    Bytes twice = whole;  // a second member: gzip files may have one, gRPC messages do not
    twice.insert(twice.end(), whole.begin(), whole.end());
    const auto back = decompress(encoding, twice, kBytesMax);
    REQUIRE(!back.has_value());
    EXPECT(back.error().code == Code::kInternal);
    EXPECT_CONTAINS(back.error().why, "followed by other bytes");
  }
}

TEST(grpc_compression, a_flipped_bit_anywhere_never_passes_for_the_message) {
  const Bytes message = compressible(300);
  for (const Encoding encoding : kBoth) {
    const Bytes whole = compressed(encoding, message);
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      Bytes flipped = whole;
      flipped[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
      const auto back = decompress(encoding, flipped, kBytesMax);
      // Bits of gzip's header that carry no meaning (time, system) may flip.
      if (back) EXPECT(std::ranges::equal(back->bytes, message));
    }
  }
}

TEST(grpc_compression, noise_is_refused) {
  for (const Encoding encoding : kBoth) {
    for (const std::size_t size : {0U, 1U, 17U, 18U, 1000U}) {
      const auto back = decompress(encoding, random_bytes(size), kBytesMax);
      REQUIRE(!back.has_value());
      EXPECT(back.error().code == Code::kInternal);
    }
  }
}

TEST(grpc_compression, one_format_does_not_pass_for_the_other) {
  const Bytes gzip = compressed(Encoding::kGzip, compressible(500));
  const Bytes deflate = compressed(Encoding::kDeflate, compressible(500));
  EXPECT(!decompress(Encoding::kDeflate, gzip, kBytesMax).has_value());
  EXPECT(!decompress(Encoding::kGzip, deflate, kBytesMax).has_value());
}

}  // namespace
}  // namespace penstock::grpc
