// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "http1/limits.h"
#include "http1/refusal.h"

namespace penstock::http1 {

struct ChunkFacts {
  std::uint64_t size = 0;  // 0: it is the last one, and trailers follow
  std::size_t extension_bytes = 0;
};

// Holds the line before a chunk, without its CRLF, against RFC 9112 section 7.1. No white space
// anywhere outside quotes, which the RFC calls bad. Pure.
std::expected<ChunkFacts, Refusal> check_chunk_line(std::string_view line, const Limits& limits);

// Of such a line with the CRLF before and after it.
std::size_t chunk_line_bytes_max(const Limits& limits);

}  // namespace penstock::http1
