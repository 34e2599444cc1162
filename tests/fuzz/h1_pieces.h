// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "fuzz_input.h"

namespace penstock::fuzzing {

// Requests from a few bytes each: whole ones, and the pieces of which nearly right ones are made.
inline std::string next_h1_piece(Input& input) {
  static constexpr std::array<std::string_view, 34> kPieces = {
      "GET /v2/health/live HTTP/1.1\r\nHost: h\r\n\r\n",
      "POST /v2/models/m/infer HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
      "GET http://a:1?b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
      "POST / HTTP/1.1\r\n",
      "OPTIONS * HTTP/1.1\r\n",
      "Host: h\r\n",
      "Content-Length: 5\r\n",
      "Content-Length: 50\r\n",
      "Transfer-Encoding: chunked\r\n",
      "Connection: x, close\r\n",
      "Connection: keep-alive, x\r\n",
      "Expect: 100-continue\r\n",
      "X: y\r\n",
      "\r\n",
      "5\r\nhello\r\n",
      "a;e=\"v\"\r\n0123456789\r\n",
      "0\r\n\r\n",
      "0\r\nX-Sum: 1\r\n\r\n",
      "hello",
      " ",
      "\t",
      "\n",
      "\r",
      ":",
      ";",
      ",",
      "0",
      "gzip",
      "HTTP/1.1",
  };
  const std::size_t which = input.below(kPieces.size() + 2);
  if (which < kPieces.size()) return std::string(kPieces[which]);
  if (which == kPieces.size()) return std::string(input.bytes(input.u8()));
  return std::string(input.u8(), 'b');
}

}  // namespace penstock::fuzzing
