// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace penstock::http {

// A header field, lower-case name. On the way in, views last until the next feed().
struct Field {
  std::string_view name;
  std::string_view value;
};

// One thing a peer did. Views last until the next feed().
struct Event {
  enum class Kind : std::uint8_t {
    kRequest,          // a stream was opened: `fields`, pseudo-headers first
    kRequestTooLarge,  // the same, but past Limits::header_list_bytes_max; no fields
    kData,             // `data`, a part of the body
    kEnd,              // the peer has sent all of its body (after kRequest, kData or trailers)
    kStreamClosed,     // gone before this side had ended it; `error_code` says why. Comes without
                       // a kRequest where the head was malformed
    kBodyFramed,       // no peer's doing: all that send_data() was given has been framed
    kPingAck,          // the answer to submit_ping()
    kGoaway,           // the peer will open no more streams
  };
  Kind kind = Kind::kRequest;
  std::int32_t stream_id = 0;
  std::uint32_t error_code = 0;
  std::span<const Field> fields = {};
  std::span<const std::byte> data = {};
};

}  // namespace penstock::http
