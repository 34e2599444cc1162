// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/error.h"
#include "grpc/encoding.h"

// gRPC's length-prefixed messages:
//
//   byte 0            1 .. 4               5 ..
//   compressed: 0|1   length, big-endian   the message
namespace penstock::grpc {

inline constexpr std::size_t kFramePrefixBytes = 5;

// The prefix of a message of `message_bytes` bytes; at most 2^32 - 1 of them.
std::array<std::byte, kFramePrefixBytes> frame_prefix(bool is_compressed,
                                                      std::size_t message_bytes);

// Room for a received message: a block whose END is the end of the message, and a multiple of
// base::kTensorAlignment. In a ModelInferRequest the raw tensors come last; so the last one (often
// the only one) starts aligned whenever its size is a multiple of that alignment, as most tensors'
// sizes are, and an executor can read it where it lies. Empty if the memory cannot be had, or if
// the message is empty.
base::Buffer try_allocate_message(std::size_t message_bytes);
// The message's place in that block.
inline std::span<std::byte> message_bytes_of(const base::Buffer& block, std::size_t message_bytes) {
  return block.bytes().last(message_bytes);
}

struct Message {
  base::Slice bytes;
  bool is_compressed = false;  // with the call's Encoding, see grpc/compression.h

  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.bytes.data()), bytes.bytes.size()};
  }
};

// How a call's messages may look.
struct MessageLimits {
  std::size_t message_bytes_max = std::size_t{64} << 20;
  Encoding encoding = Encoding::kIdentity;
  bool is_unary = true;  // exactly one message; false: any number
};

// Turns the DATA of one stream into messages. Owned by its call, on an io thread.
//
//   while (!data.empty()) {
//     const base::Result<bool> is_complete = reader.read(data, message);
//     if (!is_complete) ...   // the call fails with this error; read no more
//     if (*is_complete) ...   // `message` is the next one
//   }
//   reader.finish()           // when the peer has ended its side
//
// A message costs one allocation and each byte one copy. A length that the peer has announced
// costs little until bytes come: beyond kEagerBytesMax, the whole block is allocated only when
// that many bytes of the message have arrived (and are then copied once more).
class MessageReader {
 public:
  // One stream's initial flow-control window: what a peer may send before anybody looks at it.
  static constexpr std::size_t kEagerBytesMax = std::size_t{4} << 20;

  explicit MessageReader(const MessageLimits& limits) : limits_(limits) {}

  // Takes bytes from the front of `data`, up to the end of a message. True: that end was reached,
  // and the message is in `message`. kResourceExhausted: longer than the limit, or no memory;
  // kInternal: broken framing.
  base::Result<bool> read(std::span<const std::byte>& data, Message& message);

  // The stream has ended: fails with kInternal within a message, or if a unary call brought none.
  base::Result<> finish() const;

  // Memory held for the message under way.
  std::size_t held_bytes() const { return block_.size(); }

 private:
  base::Result<> begin_message();
  base::Result<> grow_block();
  base::Result<> allocate(std::size_t bytes);

  MessageLimits limits_;
  std::array<std::byte, kFramePrefixBytes> prefix_{};
  std::uint8_t prefix_read_ = 0;
  bool is_compressed_ = false;
  bool has_read_one_ = false;
  std::size_t message_bytes_ = 0;  // as announced
  std::size_t bytes_read_ = 0;     // of the message
  base::Buffer block_;
  std::span<std::byte> room_;  // in block_: the whole message, or its first kEagerBytesMax
};

}  // namespace penstock::grpc
