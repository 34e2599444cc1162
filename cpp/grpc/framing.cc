// SPDX-License-Identifier: Apache-2.0
#include "grpc/framing.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "base/check.h"

namespace penstock::grpc {
namespace {

using base::Code;
using base::fail;

// Takes up to to.size() bytes from the front of `data`; returns how many.
std::size_t take(std::span<const std::byte>& data, std::span<std::byte> to) {
  const std::size_t count = std::min(data.size(), to.size());
  if (count > 0) std::memcpy(to.data(), data.data(), count);
  data = data.subspan(count);
  return count;
}

}  // namespace

std::array<std::byte, kFramePrefixBytes> frame_prefix(bool is_compressed,
                                                      std::size_t message_bytes) {
  PENSTOCK_CHECK(message_bytes <= std::numeric_limits<std::uint32_t>::max());
  return {std::byte{is_compressed}, static_cast<std::byte>(message_bytes >> 24),
          static_cast<std::byte>(message_bytes >> 16), static_cast<std::byte>(message_bytes >> 8),
          static_cast<std::byte>(message_bytes)};
}

base::Buffer try_allocate_message(std::size_t message_bytes) {
  constexpr std::size_t kMask = base::kTensorAlignment - 1;
  return base::Buffer::try_allocate((message_bytes + kMask) & ~kMask);
}

base::Result<bool> MessageReader::read(std::span<const std::byte>& data, Message& message) {
  if (prefix_read_ < kFramePrefixBytes) {
    if (limits_.is_unary && has_read_one_ && !data.empty()) {
      return fail(Code::kInternal, "a unary call carries one message, but more bytes follow it");
    }
    prefix_read_ += static_cast<std::uint8_t>(take(data, std::span(prefix_).subspan(prefix_read_)));
    if (prefix_read_ < kFramePrefixBytes) return false;
    if (auto begun = begin_message(); !begun) return std::unexpected(std::move(begun.error()));
  }
  for (;;) {
    bytes_read_ += take(data, room_.subspan(bytes_read_));
    if (bytes_read_ == message_bytes_) break;
    if (data.empty()) return false;
    if (auto grown = grow_block(); !grown) return std::unexpected(std::move(grown.error()));
  }
  message.bytes.bytes = room_;
  message.bytes.owner = std::move(block_);
  message.is_compressed = is_compressed_;
  prefix_read_ = 0;
  room_ = {};
  has_read_one_ = true;
  return true;
}

base::Result<> MessageReader::finish() const {
  if (prefix_read_ == kFramePrefixBytes) {
    return fail(Code::kInternal, "the request ended after " + std::to_string(bytes_read_) +
                                     " of a message's " + std::to_string(message_bytes_) +
                                     " bytes");
  }
  if (prefix_read_ > 0) {
    return fail(Code::kInternal, "the request ended within a message's 5-byte prefix");
  }
  if (limits_.is_unary && !has_read_one_) {
    return fail(Code::kInternal, "a unary call carries one message, but the request ended without");
  }
  return {};
}

base::Result<> MessageReader::begin_message() {
  const auto byte = [this](std::size_t i) { return std::to_integer<std::size_t>(prefix_[i]); };
  message_bytes_ = byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4);
  bytes_read_ = 0;
  is_compressed_ = byte(0) == 1;
  if (byte(0) > 1) {
    return fail(Code::kInternal, "a message's compressed flag must be 0 or 1, but " +
                                     std::to_string(byte(0)) + " came");
  }
  if (is_compressed_ && limits_.encoding == Encoding::kIdentity) {
    return fail(Code::kInternal,
                "a message's compressed flag is set, but the request has no grpc-encoding other "
                "than identity");
  }
  if (message_bytes_ > limits_.message_bytes_max) {
    return fail(Code::kResourceExhausted, "a message has " + std::to_string(message_bytes_) +
                                              " bytes, but this server takes at most " +
                                              std::to_string(limits_.message_bytes_max));
  }
  return allocate(std::min(message_bytes_, kEagerBytesMax));
}

base::Result<> MessageReader::grow_block() {
  const base::Buffer first_block = std::move(block_);
  const std::span<const std::byte> first_bytes = room_;
  if (auto allocated = allocate(message_bytes_); !allocated) return allocated;
  std::memcpy(room_.data(), first_bytes.data(), first_bytes.size());
  return {};
}

base::Result<> MessageReader::allocate(std::size_t bytes) {
  block_ = try_allocate_message(bytes);
  if (bytes > 0 && !block_) {
    return fail(Code::kResourceExhausted,
                "no memory for a message of " + std::to_string(message_bytes_) + " bytes");
  }
  room_ = message_bytes_of(block_, bytes);
  return {};
}

}  // namespace penstock::grpc
