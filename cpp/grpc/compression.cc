// SPDX-License-Identifier: Apache-2.0
#include "grpc/compression.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/deflate.h"
#include "grpc/framing.h"

namespace penstock::grpc {
namespace {

using base::Code;
using base::fail;

constexpr base::DeflateFormat format_of(Encoding encoding) {
  return encoding == Encoding::kGzip ? base::DeflateFormat::kGzip : base::DeflateFormat::kZlib;
}

constexpr int zlib_level(CompressionLevel level) {
  switch (level) {
    case CompressionLevel::kNone: return 0;
    case CompressionLevel::kLow: return 1;
    case CompressionLevel::kMedium: return 6;
    case CompressionLevel::kHigh: return 9;
  }
  return base::kDeflateLevelDefault;
}

std::unexpected<base::Error> too_long(std::size_t message_bytes_max) {
  return fail(Code::kResourceExhausted, "a compressed message decompresses to more than the " +
                                            std::to_string(message_bytes_max) +
                                            " bytes that this server takes");
}

std::unexpected<base::Error> corrupt(Encoding encoding, std::string_view how) {
  return fail(Code::kInternal, "a compressed message is no " + std::string(name_of(encoding)) +
                                   " stream: it is " + std::string(how));
}

std::unexpected<base::Error> no_memory() {
  return fail(Code::kResourceExhausted, "no memory to decompress a message");
}

// The size that a gzip member's trailer gives for what it holds, modulo 2^32 (RFC 1952). zlib
// checks later that it is true; here it must only be possible.
base::Result<std::size_t> gzip_size(std::span<const std::byte> compressed,
                                    std::size_t message_bytes_max) {
  if (compressed.size() < base::kGzipBytesMin) return corrupt(Encoding::kGzip, "cut short");
  const auto trailer = compressed.last<4>();
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size |= std::to_integer<std::size_t>(trailer[i]) << (8 * i);
  if (size / base::kDeflateRatioMax > compressed.size()) {
    return corrupt(Encoding::kGzip, "corrupt or cut short");
  }
  if (size > message_bytes_max) return too_long(message_bytes_max);
  return size;
}

// The size of what a zlib stream holds, found by decoding it.
base::Result<std::size_t> measured_size(std::span<const std::byte> compressed,
                                        std::size_t message_bytes_max) {
  std::array<std::byte, std::size_t{16} << 10> scratch;
  base::Inflater inflater(base::DeflateFormat::kZlib, compressed);
  if (!inflater.is_open()) return no_memory();
  std::size_t size = 0;
  do {
    size += inflater.fill(scratch);
    if (size > message_bytes_max) return too_long(message_bytes_max);
  } while (inflater.is_going_on());
  if (!inflater.is_at_end()) return corrupt(Encoding::kDeflate, "corrupt or cut short");
  return size;
}

}  // namespace

base::Result<base::Slice> decompress(Encoding encoding, std::span<const std::byte> compressed,
                                     std::size_t message_bytes_max) {
  PENSTOCK_CHECK(encoding != Encoding::kIdentity);
  const auto size = encoding == Encoding::kGzip ? gzip_size(compressed, message_bytes_max)
                                                : measured_size(compressed, message_bytes_max);
  if (!size) return std::unexpected(size.error());

  base::Slice message;
  message.owner = try_allocate_message(*size);
  if (*size > 0 && !message.owner) return no_memory();
  const std::span<std::byte> room = message_bytes_of(message.owner, *size);
  message.bytes = room;

  base::Inflater inflater(format_of(encoding), compressed);
  if (!inflater.is_open()) return no_memory();
  const std::size_t filled = inflater.fill(room);
  if (!inflater.is_at_end()) return corrupt(encoding, "corrupt or cut short");
  if (inflater.bytes_left() > 0) return corrupt(encoding, "followed by other bytes");
  PENSTOCK_CHECK(filled == *size);
  return message;
}

base::Slice compress_frame(Encoding encoding, CompressionLevel level,
                           std::span<const base::Slice> pieces) {
  PENSTOCK_CHECK(!pieces.empty() && pieces.front().bytes.size() >= kFramePrefixBytes);
  std::size_t frame_bytes = 0;
  for (const base::Slice& piece : pieces) frame_bytes += piece.bytes.size();
  if (encoding == Encoding::kIdentity || frame_bytes <= kFramePrefixBytes + 1) return {};

  // One byte less than the frame itself: a message that needs more is not worth compressing.
  base::Slice frame{base::Buffer::try_allocate(frame_bytes - 1), {}};
  if (!frame.owner) return {};
  std::vector<std::span<const std::byte>> parts;
  parts.reserve(pieces.size());
  for (const base::Slice& piece : pieces) parts.push_back(piece.bytes);
  parts.front() = parts.front().subspan(kFramePrefixBytes);
  const std::optional<std::size_t> compressed =
      base::deflate_pieces(format_of(encoding), zlib_level(level), parts,
                           frame.owner.bytes().subspan(kFramePrefixBytes));
  if (!compressed) return {};
  const std::size_t message_bytes = *compressed;
  const auto prefix = frame_prefix(true, message_bytes);
  std::memcpy(frame.owner.data(), prefix.data(), prefix.size());
  frame.bytes = frame.owner.bytes().first(kFramePrefixBytes + message_bytes);
  return frame;
}

}  // namespace penstock::grpc
