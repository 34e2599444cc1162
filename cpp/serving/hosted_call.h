// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <span>

#include "base/buffer.h"
#include "grpc/encoding.h"
#include "serving/bridge.h"

namespace penstock::serving {

// What a Call has more if the control thread answers it. Owned by the Call, on its io thread.
struct HostedCall {
  // The least that unparsed bytes are kept in.
  static constexpr std::size_t kBlockBytes = 4096;

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

  // Copies `bytes` behind what is unparsed; false: there is no memory for them. Small pieces share
  // a block, so that a peer's many frames take little more room than their bytes.
  bool keep_unparsed(std::span<const std::byte> bytes) {
    if (!unparsed.empty()) {
      base::Slice& last = unparsed.back();
      const auto parsed = static_cast<std::size_t>(last.bytes.data() - last.owner.data());
      const auto room = last.owner.bytes().subspan(parsed + last.bytes.size());
      const auto fitting = bytes.first(std::min(room.size(), bytes.size()));
      std::ranges::copy(fitting, room.data());
      last.bytes = {last.bytes.data(), last.bytes.size() + fitting.size()};
      unparsed_bytes += fitting.size();
      bytes = bytes.subspan(fitting.size());
    }
    if (bytes.empty()) return true;
    const base::Buffer block = base::Buffer::try_allocate(std::max(bytes.size(), kBlockBytes));
    if (!block) return false;
    std::ranges::copy(bytes, block.data());
    unparsed.push_back({block, block.bytes().first(bytes.size())});
    unparsed_bytes += bytes.size();
    return true;
  }
  std::size_t held_bytes() const { return unread_bytes + unparsed_bytes; }
  bool is_full() const {
    return unread_messages >= Bridge::kUnreadMessagesMax || unread_bytes >= Bridge::kUnreadBytesMax;
  }
};

}  // namespace penstock::serving
