// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace penstock::http2 {

// How often something may happen: `burst` times at once, and `per_second` times from then on.
struct Rate {
  std::int64_t burst = 0;
  std::int64_t per_second = 0;
};

// Every bound that one HTTP/2 connection is held to.
struct Limits {
  std::uint32_t concurrent_streams_max = 1024;  // SETTINGS_MAX_CONCURRENT_STREAMS
  std::uint32_t header_list_bytes_max = 16
                                        << 10;  // SETTINGS_MAX_HEADER_LIST_SIZE, as RFC 9113 counts
  std::uint32_t frame_bytes_max = 64 << 10;     // SETTINGS_MAX_FRAME_SIZE we accept
  std::uint32_t sent_frame_bytes_max = 1 << 20;  // of DATA, however large the peer takes them
  std::uint32_t stream_window_bytes = 4 << 20;   // SETTINGS_INITIAL_WINDOW_SIZE
  std::uint32_t connection_window_bytes = 16 << 20;
  std::size_t output_bytes_max = 256 << 10;  // framed ahead of the socket, then wait for it
  std::size_t outbound_acks_max = 1000;      // unread SETTINGS and PING answers

  // Past these a peer is flooding, and its connection ends: ENHANCE_YOUR_CALM.
  Rate cut_streams = {.burst = 20'000, .per_second = 10'000};  // ended before their full answer
  Rate idle_frames = {.burst = 20'000, .per_second = 10'000};  // those that carry no request
  std::size_t header_block_bytes_max = 256 << 10;      // of HEADERS with its CONTINUATIONs, encoded
  std::size_t header_list_bytes_read_max = 256 << 10;  // decoded, of a list that is too large
  std::size_t continuations_max = 8;                   // of one header block
  std::size_t outbound_frames_max = 10'000;            // unread, besides two for each open stream
};

}  // namespace penstock::http2
