// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

// HTTP's content codings (RFC 9110 section 8.4.1).
namespace penstock::rest {

// "deflate" is the zlib format; bodies of bare deflate, which some clients send under that name,
// are read as well.
enum class Coding : std::uint8_t { kIdentity, kDeflate, kGzip };

// What content-encoding and accept-encoding name; x-gzip is gzip.
std::optional<Coding> coding_named(std::string_view name);

// For content-encoding: empty for identity.
constexpr std::string_view name_of(Coding coding) {
  switch (coding) {
    case Coding::kIdentity: break;
    case Coding::kDeflate: return "deflate";
    case Coding::kGzip: return "gzip";
  }
  return {};
}

// What 415 tells the sender to use instead.
inline constexpr std::string_view kAcceptedCodings = "gzip, deflate";

// The coding of an answer to a request with this accept-encoding: of those that both sides know
// the one with the highest weight, and of equals gzip, then deflate. Identity where nothing else
// is wanted more, even if the client refuses that as well: an answer that is not understood is
// better than none. Malformed elements are ignored.
Coding answer_coding(std::string_view accept_encoding);

}  // namespace penstock::rest
