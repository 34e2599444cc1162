// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace penstock::http2 {

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
};

}  // namespace penstock::http2
