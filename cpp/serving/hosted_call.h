// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>

#include "base/buffer.h"
#include "grpc/encoding.h"
#include "serving/bridge.h"

namespace penstock::serving {

// What a Call has more if the control thread answers it. Owned by the Call, on its io thread.
struct HostedCall {
  HostedCallId id = 0;
  grpc::Encoding encoding = grpc::Encoding::kIdentity;  // of answer messages that are compressed
  // Told to the application and not read by it. At Bridge's bounds nothing more is parsed...
  std::size_t unread_messages = 0;
  std::size_t unread_bytes = 0;
  // ... and what the peer sends on lies here as it came. Its window stays closed over these bytes,
  // so they are at most one stream window.
  std::deque<base::Slice> unparsed;
  std::size_t unparsed_bytes = 0;
  bool is_ended_by_peer = false;  // said to the application when nothing is unparsed any more
  std::size_t untold_bytes = 0;   // of answers, given to the session and not told as written

  std::size_t held_bytes() const { return unread_bytes + unparsed_bytes; }
  bool is_full() const {
    return unread_messages >= Bridge::kUnreadMessagesMax || unread_bytes >= Bridge::kUnreadBytesMax;
  }
};

}  // namespace penstock::serving
