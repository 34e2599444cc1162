// SPDX-License-Identifier: Apache-2.0
#include "grpc/compression.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "base/check.h"
#include "grpc/framing.h"

namespace penstock::grpc {
namespace {

using base::Code;
using base::fail;

// Deflate makes at most 1032 bytes of one: 258 of two bits, and so on.
constexpr std::size_t kDeflateRatioMax = 1032;
constexpr std::size_t kGzipBytesMin = 18;  // header, trailer

constexpr int window_bits(Encoding encoding) {
  return encoding == Encoding::kGzip ? MAX_WBITS + 16 : MAX_WBITS;
}

constexpr int zlib_level(CompressionLevel level) {
  switch (level) {
    case CompressionLevel::kNone: return Z_NO_COMPRESSION;
    case CompressionLevel::kLow: return Z_BEST_SPEED;
    case CompressionLevel::kMedium: return 6;
    case CompressionLevel::kHigh: return Z_BEST_COMPRESSION;
  }
  return Z_DEFAULT_COMPRESSION;
}

uInt zlib_size(std::size_t bytes) {
  PENSTOCK_CHECK(bytes <= std::numeric_limits<uInt>::max());
  return static_cast<uInt>(bytes);
}

Bytef* zlib_bytes(std::span<const std::byte> bytes) {
  // zlib does not write through next_in, though its type lets it.
  return reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
}

// One pass over a compressed message.
class Inflater {
 public:
  Inflater(Encoding encoding, std::span<const std::byte> compressed) {
    stream_.next_in = zlib_bytes(compressed);
    stream_.avail_in = zlib_size(compressed.size());
    is_open_ = inflateInit2(&stream_, window_bits(encoding)) == Z_OK;
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (is_open_) inflateEnd(&stream_);
  }

  bool is_open() const { return is_open_; }
  // Fills `room` as far as the message goes; returns how many bytes that was.
  std::size_t fill(std::span<std::byte> room) {
    Bytef none = 0;
    stream_.next_out = room.empty() ? &none : zlib_bytes(room);
    stream_.avail_out = zlib_size(room.size());
    status_ = inflate(&stream_, Z_NO_FLUSH);
    return room.size() - stream_.avail_out;
  }
  bool is_at_end() const { return status_ == Z_STREAM_END; }
  // More calls may bring more bytes.
  bool is_going_on() const { return status_ == Z_OK; }
  std::size_t bytes_left() const { return stream_.avail_in; }

 private:
  z_stream stream_{};
  int status_ = Z_OK;
  bool is_open_ = false;
};

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
  if (compressed.size() < kGzipBytesMin) return corrupt(Encoding::kGzip, "cut short");
  const auto trailer = compressed.last<4>();
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size |= std::to_integer<std::size_t>(trailer[i]) << (8 * i);
  if (size / kDeflateRatioMax > compressed.size()) {
    return corrupt(Encoding::kGzip, "corrupt or cut short");
  }
  if (size > message_bytes_max) return too_long(message_bytes_max);
  return size;
}

// The size of what a zlib stream holds, found by decoding it.
base::Result<std::size_t> measured_size(std::span<const std::byte> compressed,
                                        std::size_t message_bytes_max) {
  std::array<std::byte, std::size_t{16} << 10> scratch;
  Inflater inflater(Encoding::kDeflate, compressed);
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

  Inflater inflater(encoding, compressed);
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
  z_stream stream{};
  constexpr int kMemoryLevel = 8;  // zlib's default
  if (!frame.owner || deflateInit2(&stream, zlib_level(level), Z_DEFLATED, window_bits(encoding),
                                   kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  const std::span<std::byte> room = frame.owner.bytes().subspan(kFramePrefixBytes);
  stream.next_out = zlib_bytes(room);
  stream.avail_out = zlib_size(room.size());
  int status = Z_OK;
  for (std::size_t i = 0; i < pieces.size() && status == Z_OK; ++i) {
    const auto bytes = pieces[i].bytes.subspan(i == 0 ? kFramePrefixBytes : 0);
    stream.next_in = zlib_bytes(bytes);
    stream.avail_in = zlib_size(bytes.size());
    // Z_BUF_ERROR would only say that this piece was empty.
    const bool is_last = i + 1 == pieces.size();
    if (is_last || !bytes.empty()) status = deflate(&stream, is_last ? Z_FINISH : Z_NO_FLUSH);
    if (stream.avail_out == 0 && status != Z_STREAM_END) break;
  }
  deflateEnd(&stream);
  if (status != Z_STREAM_END) return {};

  const std::size_t message_bytes = room.size() - stream.avail_out;
  const auto prefix = frame_prefix(true, message_bytes);
  std::memcpy(frame.owner.data(), prefix.data(), prefix.size());
  frame.bytes = frame.owner.bytes().first(kFramePrefixBytes + message_bytes);
  return frame;
}

}  // namespace penstock::grpc
