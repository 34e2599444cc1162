// SPDX-License-Identifier: Apache-2.0
#include "http2/frame_scan.h"

#include <algorithm>
#include <cstring>

namespace penstock::http2 {
namespace {

std::uint32_t big_endian(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint32_t>(byte);
  return value;
}

FrameHead parse(std::span<const std::byte, FrameScan::kHeadBytes> bytes) {
  return {.length = big_endian(bytes.first(3)),
          .type = std::to_integer<std::uint8_t>(bytes[3]),
          .flags = std::to_integer<std::uint8_t>(bytes[4]),
          // The first bit is reserved and says nothing.
          .stream_id = static_cast<std::int32_t>(big_endian(bytes.last(4)) & 0x7fffffff)};
}

}  // namespace

bool FrameScan::pass_preface(std::span<const std::byte>& input) {
  while (preface_bytes_ < kClientPreface.size() && !input.empty()) {
    if (std::to_integer<char>(input.front()) != kClientPreface[preface_bytes_]) is_foreign_ = true;
    ++preface_bytes_;
    input = input.subspan(1);
  }
  if (is_foreign_) input = {};
  return preface_bytes_ == kClientPreface.size() && !is_foreign_;
}

std::optional<FrameHead> FrameScan::next(std::span<const std::byte>& input) {
  if (preface_bytes_ < kClientPreface.size() || is_foreign_) [[unlikely]] {
    if (!pass_preface(input)) return std::nullopt;
  }
  const std::size_t passed = std::min(body_bytes_left_, input.size());
  body_bytes_left_ -= passed;
  input = input.subspan(passed);
  if (input.empty()) return std::nullopt;
  const std::size_t taken = std::min(kHeadBytes - head_bytes_, input.size());
  std::memcpy(head_.data() + head_bytes_, input.data(), taken);
  head_bytes_ = static_cast<std::uint8_t>(head_bytes_ + taken);
  input = input.subspan(taken);
  if (head_bytes_ < kHeadBytes) return std::nullopt;
  head_bytes_ = 0;
  const FrameHead head = parse(head_);
  body_bytes_left_ = head.length;
  return head;
}

}  // namespace penstock::http2
