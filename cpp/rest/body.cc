// SPDX-License-Identifier: Apache-2.0
#include "rest/body.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/deflate.h"

namespace penstock::rest {
namespace {

using base::Code;
using base::DeflateFormat;

constexpr std::size_t kBlockBytesMin = std::size_t{4} << 10;
// A body of text becomes about this many times as long.
constexpr std::size_t kLikelyRatio = 4;

std::unexpected<Refusal> corrupt(Coding coding, std::string_view how) {
  return std::unexpected(Refusal{
      kBadRequest,
      {Code::kInvalidArgument,
       "the body is no " + std::string(name_of(coding)) + " stream: it is " + std::string(how)}});
}

std::unexpected<Refusal> no_memory() {
  return std::unexpected(Refusal{http_status(Code::kResourceExhausted),
                                 {Code::kResourceExhausted, "no memory to decompress the body"}});
}

DeflateFormat format_of(Coding coding, std::span<const std::byte> body) {
  if (coding == Coding::kGzip) return DeflateFormat::kGzip;
  if (body.size() < 2) return DeflateFormat::kZlib;
  // RFC 1950: method 8, and the two bytes are a multiple of 31. Bare deflate that begins like that
  // would be a stored or reserved block, which no compressor begins with.
  const auto first = std::to_integer<unsigned>(body[0]);
  const auto second = std::to_integer<unsigned>(body[1]);
  return (first & 15) == 8 && (first << 8 | second) % 31 == 0 ? DeflateFormat::kZlib
                                                              : DeflateFormat::kRaw;
}

// A block that becomes larger as it is filled, up to a bound.
class Room {
 public:
  explicit Room(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Makes place for at least one byte more, up to `likely` in all. False: no memory.
  bool grow(std::size_t likely) {
    const std::size_t wanted = std::min(bytes_max_, std::max({likely, used_ * 2, kBlockBytesMin}));
    base::Buffer larger = base::Buffer::try_allocate(wanted);
    if (!larger) return false;
    if (used_ > 0) std::memcpy(larger.data(), block_.data(), used_);
    block_ = std::move(larger);
    return true;
  }
  std::span<std::byte> rest() const { return block_.bytes().subspan(used_); }
  void advance(std::size_t bytes) { used_ += bytes; }
  bool is_at_bound() const { return used_ == bytes_max_; }
  base::Slice take() const { return {block_, block_.bytes().first(used_)}; }

 private:
  std::size_t bytes_max_;
  base::Buffer block_;
  std::size_t used_ = 0;
};

}  // namespace

Refusal too_large(std::size_t body_bytes_max) {
  return {
      kContentTooLarge,
      {Code::kResourceExhausted, "the body is larger than the " + std::to_string(body_bytes_max) +
                                     " bytes that this server takes (--http-max-input-size)"}};
}

std::expected<base::Slice, Refusal> decode_body(Coding coding, std::span<const std::byte> body,
                                                std::size_t body_bytes_max) {
  PENSTOCK_CHECK(coding != Coding::kIdentity);
  if (body.size() > std::numeric_limits<std::uint32_t>::max()) {
    return std::unexpected(too_large(body_bytes_max));
  }
  base::Inflater inflater(format_of(coding, body), body);
  if (!inflater.is_open()) return no_memory();
  Room room(body_bytes_max);
  for (;;) {
    if (room.rest().empty() && !room.is_at_bound()) {
      if (!room.grow(body.size() * kLikelyRatio)) return no_memory();
    }
    // At the bound one byte tells whether that was all.
    std::array<std::byte, 1> beyond;
    const bool is_at_bound = room.rest().empty();
    const std::size_t filled = inflater.fill(is_at_bound ? std::span(beyond) : room.rest());
    if (is_at_bound && filled > 0) return std::unexpected(too_large(body_bytes_max));
    if (!is_at_bound) room.advance(filled);
    if (inflater.is_at_end()) {
      if (inflater.bytes_left() == 0) return room.take();
      if (coding != Coding::kGzip) return corrupt(coding, "followed by other bytes");
      inflater.begin_next();
    } else if (!inflater.is_going_on()) {
      return corrupt(coding, "corrupt or cut short");
    }
  }
}

base::Slice encode_body(Coding coding, std::span<const base::Slice> pieces) {
  std::size_t bytes = 0;
  std::vector<std::span<const std::byte>> parts;
  parts.reserve(pieces.size());
  for (const base::Slice& piece : pieces) {
    bytes += piece.bytes.size();
    parts.push_back(piece.bytes);
  }
  constexpr std::size_t kBytesMax = std::numeric_limits<std::uint32_t>::max();
  if (coding == Coding::kIdentity || bytes < 2 || bytes > kBytesMax) return {};
  base::Buffer block = base::Buffer::try_allocate(bytes - 1);
  if (!block) return {};
  const auto format = coding == Coding::kGzip ? DeflateFormat::kGzip : DeflateFormat::kZlib;
  const auto size = base::deflate_pieces(format, base::kDeflateLevelDefault, parts, block.bytes());
  if (!size) return {};
  return {block, block.bytes().first(*size)};
}

}  // namespace penstock::rest
