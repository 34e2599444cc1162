// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::grpc {

// How a message's bytes may be encoded, by the names of grpc-encoding. "deflate" is gRPC's word
// for the zlib format (RFC 1950), not for bare RFC 1951.
enum class Encoding : std::uint8_t { kIdentity, kDeflate, kGzip };

// What this server decodes, as grpc-accept-encoding says it.
inline constexpr std::string_view kAcceptedEncodings = "identity,deflate,gzip";

constexpr std::string_view name_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::kIdentity: return "identity";
    case Encoding::kDeflate: return "deflate";
    case Encoding::kGzip: return "gzip";
  }
  return {};
}

constexpr std::optional<Encoding> encoding_named(std::string_view name) {
  for (const Encoding known : {Encoding::kIdentity, Encoding::kDeflate, Encoding::kGzip}) {
    if (name == name_of(known)) return known;
  }
  return std::nullopt;
}

// The encodings a peer understands. Identity is always one of them.
class EncodingSet {
 public:
  constexpr EncodingSet() = default;
  constexpr void add(Encoding encoding) {
    mask_ = static_cast<std::uint8_t>(mask_ | bit(encoding));
  }
  constexpr void add(EncodingSet more) { mask_ |= more.mask_; }
  constexpr bool has(Encoding encoding) const { return (mask_ & bit(encoding)) != 0; }
  friend constexpr bool operator==(EncodingSet, EncodingSet) = default;

 private:
  static constexpr unsigned bit(Encoding encoding) { return 1U << static_cast<unsigned>(encoding); }
  std::uint8_t mask_ = 1;
};

// The known encodings among a grpc-accept-encoding value's comma-separated names.
EncodingSet parse_accept_encoding(std::string_view value);

// How hard to compress answers: the values of --grpc-infer-response-compression-level.
enum class CompressionLevel : std::uint8_t { kNone, kLow, kMedium, kHigh };

constexpr std::optional<CompressionLevel> compression_level_named(std::string_view name) {
  if (name == "none") return CompressionLevel::kNone;
  if (name == "low") return CompressionLevel::kLow;
  if (name == "medium") return CompressionLevel::kMedium;
  if (name == "high") return CompressionLevel::kHigh;
  return std::nullopt;
}

// The encoding of an answer: the request's own if the peer accepts it, else gzip, else deflate;
// identity where the level is none.
constexpr Encoding answer_encoding(CompressionLevel level, Encoding request, EncodingSet accepted) {
  if (level == CompressionLevel::kNone) return Encoding::kIdentity;
  if (request != Encoding::kIdentity && accepted.has(request)) return request;
  if (accepted.has(Encoding::kGzip)) return Encoding::kGzip;
  return accepted.has(Encoding::kDeflate) ? Encoding::kDeflate : Encoding::kIdentity;
}

}  // namespace penstock::grpc
