// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/buffer.h"

// Deflate (RFC 1951) in its three wrappers, by zlib. Nothing else in the core knows of zlib.
namespace penstock::base {

enum class DeflateFormat : std::uint8_t {
  kZlib,  // RFC 1950
  kGzip,  // RFC 1952, one member
  kRaw,
};

// Deflate makes at most 1032 bytes of one: 258 of two bits, and so on.
inline constexpr std::size_t kDeflateRatioMax = 1032;
// Header and trailer of a gzip member.
inline constexpr std::size_t kGzipBytesMin = 18;

// One pass over compressed bytes, which must outlive it. At most 4 GiB of them.
class Inflater {
 public:
  Inflater(DeflateFormat format, std::span<const std::byte> compressed);
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater();

  // False: there was no memory for it, and nothing else may be called.
  bool is_open() const { return stream_ != nullptr; }
  // Fills `room` as far as the stream goes; returns how many bytes that was.
  std::size_t fill(std::span<std::byte> room);
  bool is_at_end() const { return state_ == State::kEnd; }
  // More calls may bring more bytes.
  bool is_going_on() const { return state_ == State::kGoing; }
  std::size_t bytes_left() const;
  // Another stream of the same format follows the one that ended.
  void begin_next();

 private:
  enum class State : std::uint8_t { kGoing, kEnd, kStuck };
  struct Stream;

  std::unique_ptr<Stream> stream_;
  State state_ = State::kGoing;
};

// zlib's levels: 0 stores, 1 is the fastest, 9 the best.
inline constexpr int kDeflateLevelDefault = 6;

// Compresses `pieces` in order, as one stream, into `room`. How many bytes that was; nothing where
// they do not fit, and where there is no memory.
std::optional<std::size_t> deflate_pieces(DeflateFormat format, int level,
                                          std::span<const std::span<const std::byte>> pieces,
                                          std::span<std::byte> room);

}  // namespace penstock::base
