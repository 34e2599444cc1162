// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace penstock::http1 {

// Every bound that one HTTP/1.1 connection is held to.
struct Limits {
  std::size_t target_bytes_max = 8 << 10;  // of a request target; past it 414
  std::size_t head_bytes_max = 16 << 10;   // request line and fields, as sent; past it 431
  std::size_t fields_max = 100;            // past it 431
  std::size_t trailer_bytes_max = 4 << 10;
  std::size_t trailers_max = 32;
  std::size_t chunk_extension_bytes_max = 256;        // of one chunk
  std::size_t chunk_extensions_bytes_max = 16 << 10;  // of one request: no work without a body

  std::size_t open_requests_max = 16;  // read ahead of their answers; the rest waits unread
  // What wants_input() keeps waiting, and an owner that does not ask may not go past.
  std::size_t buffered_bytes_max = 256 << 10;
  std::size_t stream_window_bytes = 4 << 20;  // of a body, not yet given back
  std::size_t connection_window_bytes = 16 << 20;
  std::uint64_t discarded_bytes_max = 256 << 10;  // of a body that its answer did not wait for
  std::size_t output_bytes_max = 256 << 10;       // framed ahead of the socket, then wait for it
};

}  // namespace penstock::http1
