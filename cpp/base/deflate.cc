// SPDX-License-Identifier: Apache-2.0
#include "base/deflate.h"

#include <zlib.h>

#include <limits>
#include <new>

#include "base/check.h"

namespace penstock::base {
namespace {

constexpr int window_bits(DeflateFormat format) {
  switch (format) {
    case DeflateFormat::kZlib: return MAX_WBITS;
    case DeflateFormat::kGzip: return MAX_WBITS + 16;
    case DeflateFormat::kRaw: return -MAX_WBITS;
  }
  return MAX_WBITS;
}

uInt zlib_size(std::size_t bytes) {
  PENSTOCK_CHECK(bytes <= std::numeric_limits<uInt>::max());
  return static_cast<uInt>(bytes);
}

Bytef* zlib_bytes(std::span<const std::byte> bytes) {
  // zlib does not write through next_in, though its type lets it.
  return reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
}

}  // namespace

struct Inflater::Stream {
  z_stream zlib{};
};

Inflater::Inflater(DeflateFormat format, std::span<const std::byte> compressed)
    : stream_(new (std::nothrow) Stream) {
  if (!stream_) return;
  stream_->zlib.next_in = zlib_bytes(compressed);
  stream_->zlib.avail_in = zlib_size(compressed.size());
  if (inflateInit2(&stream_->zlib, window_bits(format)) != Z_OK) stream_.reset();
}

Inflater::~Inflater() {
  if (stream_) inflateEnd(&stream_->zlib);
}

std::size_t Inflater::fill(std::span<std::byte> room) {
  z_stream& zlib = stream_->zlib;
  Bytef none = 0;
  zlib.next_out = room.empty() ? &none : zlib_bytes(room);
  zlib.avail_out = zlib_size(room.size());
  const int status = inflate(&zlib, Z_NO_FLUSH);
  state_ = status == Z_STREAM_END ? State::kEnd : status == Z_OK ? State::kGoing : State::kStuck;
  return room.size() - zlib.avail_out;
}

std::size_t Inflater::bytes_left() const { return stream_->zlib.avail_in; }

void Inflater::begin_next() {
  PENSTOCK_CHECK(inflateReset(&stream_->zlib) == Z_OK);
  state_ = State::kGoing;
}

std::optional<std::size_t> deflate_pieces(DeflateFormat format, int level,
                                          std::span<const std::span<const std::byte>> pieces,
                                          std::span<std::byte> room) {
  constexpr int kMemoryLevel = 8;  // zlib's default
  z_stream stream{};
  if (room.empty() || deflateInit2(&stream, level, Z_DEFLATED, window_bits(format), kMemoryLevel,
                                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  stream.next_out = zlib_bytes(room);
  stream.avail_out = zlib_size(room.size());
  int status = Z_OK;
  for (std::size_t i = 0; i < pieces.size() && status == Z_OK; ++i) {
    stream.next_in = zlib_bytes(pieces[i]);
    stream.avail_in = zlib_size(pieces[i].size());
    // Z_BUF_ERROR would only say that this piece was empty.
    const bool is_last = i + 1 == pieces.size();
    if (is_last || !pieces[i].empty()) status = deflate(&stream, is_last ? Z_FINISH : Z_NO_FLUSH);
    if (stream.avail_out == 0 && status != Z_STREAM_END) break;
  }
  deflateEnd(&stream);
  if (status != Z_STREAM_END) return std::nullopt;
  return room.size() - stream.avail_out;
}

}  // namespace penstock::base
