// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace penstock::net {

// Somebody who speaks HTTP/1 to the gRPC port (a person with curl, a browser, a health checker)
// gets one answer and a closed connection, so that they learn what the port is. This is no HTTP/1
// server: the request line is all that is read.
enum class Opening {
  kHttp2,      // HTTP/2, or what its session will find wrong
  kMore,       // too little has come to tell
  kAbout,      // GET / of HTTP/1: what this is
  kAboutHead,  // HEAD / of HTTP/1
  kOtherHttp1,
};

// A request line is looked for in so many bytes.
inline constexpr std::size_t kRequestLineBytesMax = 2048;

// What a connection to the gRPC port speaks, by the first bytes that came on it. Pure.
Opening opening_of(std::span<const std::byte> first);
// The same for the REST port, which understands both: kHttp2, kMore, or else kOtherHttp1.
Opening rest_opening_of(std::span<const std::byte> first);

// The whole answer to one of the last three. `about` is one line that says what this is.
std::string plain_answer(Opening opening, std::string_view about);

}  // namespace penstock::net
