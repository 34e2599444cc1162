// SPDX-License-Identifier: Apache-2.0
#include "http2/flood_guard.h"

#include <algorithm>

namespace penstock::http2 {
namespace {

// RFC 9113 section 6.
constexpr std::uint8_t kData = 0x0;
constexpr std::uint8_t kHeaders = 0x1;
constexpr std::uint8_t kPriority = 0x2;
constexpr std::uint8_t kSettings = 0x4;
constexpr std::uint8_t kContinuation = 0x9;
constexpr std::uint8_t kEndStream = 0x1;  // also ACK, of SETTINGS
constexpr std::uint8_t kEndHeaders = 0x4;
constexpr std::uint8_t kPadded = 0x8;

// What an idle frame costs. SETTINGS change every open stream, and honest peers send a handful.
constexpr std::int64_t kFrameCost = 1;
constexpr std::int64_t kSettingsCost = 20;
// Fewer bytes of DATA than these move a message on by next to nothing. An honest stream may be of
// messages of five bytes, gRPC's prefix alone, each in a frame of its own, as fast as it can.
constexpr std::uint32_t kTinyDataBytes = 5;
// What a peer may have to say about a request, and about each DATA frame that answers it: windows
// of the stream and of the connection, a ping that measures.
constexpr std::int64_t kEarnedByRequest = 8;
constexpr std::int64_t kEarnedByData = 4;
// The least that a window is opened by at a time: the stream's and the connection's.
constexpr std::size_t kWindowStepBytes = 4096;

constexpr std::size_t kGapsMax = 16;

constexpr Violation kTooManyCut = {
    kEnhanceYourCalm, "too many streams were reset, or had to be, before they were answered"};
constexpr Violation kTooManyIdle = {kEnhanceYourCalm, "too many frames came that carry no request"};
constexpr Violation kBlockTooLarge = {kEnhanceYourCalm, "a header block is too large to be read"};
constexpr Violation kFrameTooLarge = {kFrameSizeError, "a frame is longer than the setting allows"};
constexpr Violation kPriorityOfNothing = {kProtocolError, "a priority came for no stream"};
constexpr Violation kReusedId = {kProtocolError,
                                 "a stream was opened below one that is open already"};

}  // namespace

void TokenBucket::refill(base::Nanos now) {
  const base::Nanos elapsed = now - refilled_ns_;
  const base::Nanos to_full =
      (rate_.burst / std::max<std::int64_t>(rate_.per_second, 1) + 1) * base::kSecond;
  if (elapsed >= to_full) {
    earn(rate_.per_second * (to_full / base::kSecond));
    refilled_ns_ = now;
    return;
  }
  const std::int64_t gained = elapsed * rate_.per_second / base::kSecond;
  if (gained <= 0) return;
  earn(gained);
  // What was no whole token yet goes on counting.
  refilled_ns_ += gained * base::kSecond / rate_.per_second;
}

void TokenBucket::earn(std::int64_t tokens) { tokens_ = std::min(tokens_ + tokens, rate_.burst); }

void FloodGuard::note_sent_data(std::size_t bytes) {
  idle_frames_.earn(kEarnedByData + 2 * static_cast<std::int64_t>(bytes / kWindowStepBytes));
}

std::optional<Violation> FloodGuard::look(std::span<const std::byte> input, base::Nanos now) {
  cut_streams_.refill(now);
  idle_frames_.refill(now);
  if (cut_streams_.is_overdrawn()) return kTooManyCut;
  while (const auto head = scan_.next(input)) {
    if (const auto wrong = judge(*head, now)) return wrong;
  }
  if (is_block_last_ && scan_.body_bytes_left() == 0) block_since_ns_ = base::kNever;
  return std::nullopt;
}

std::optional<Violation> FloodGuard::judge(const FrameHead& head, base::Nanos now) {
  ++frames_;
  if (head.type == kContinuation) {
    // nghttp2 holds every other type to this.
    if (head.length > limits_.frame_bytes_max) return kFrameTooLarge;
    idle_frames_.spend(kFrameCost);
    if (const auto wrong = add_to_block(head)) return wrong;
  } else {
    block_since_ns_ = base::kNever;
    is_block_last_ = false;
    switch (head.type) {
      case kHeaders:
        if (const auto wrong = judge_headers(head, now)) return wrong;
        break;
      case kData:
        if ((head.flags & kEndStream) == 0 &&
            (head.length < kTinyDataBytes || (head.flags & kPadded) != 0)) {
          idle_frames_.spend(kFrameCost);
        }
        break;
      case kSettings:
        idle_frames_.spend((head.flags & kEndStream) != 0 ? kFrameCost : kSettingsCost);
        break;
      case kPriority:
        // RFC 9113 section 6.3. nghttp2 looks at priorities no more.
        if (head.stream_id == 0) return kPriorityOfNothing;
        idle_frames_.spend(kFrameCost);
        break;
      default: idle_frames_.spend(kFrameCost);
    }
  }
  if (idle_frames_.is_overdrawn()) return kTooManyIdle;
  return std::nullopt;
}

std::optional<Violation> FloodGuard::judge_headers(const FrameHead& head, base::Nanos now) {
  block_since_ns_ = now;
  block_bytes_ = 0;
  const std::int32_t id = head.stream_id;
  if (id > last_stream_id_) {
    idle_frames_.earn(kEarnedByRequest);
    if (last_stream_id_ < id - 2) {
      if (skipped_.size() == kGapsMax) skipped_.erase(skipped_.begin());
      skipped_.emplace_back(last_stream_id_ + 2, id - 2);
    }
    last_stream_id_ = id;
  } else {
    idle_frames_.spend(kFrameCost);  // trailers, or too late
    // RFC 9113 section 5.1.1: what was passed over is closed, and can be opened no more. nghttp2
    // does not tell it from a stream that was open once.
    const bool was_skipped = std::ranges::any_of(
        skipped_, [id](const auto& gap) { return gap.first <= id && id <= gap.second; });
    if (was_skipped) return kReusedId;
  }
  return add_to_block(head);
}

std::optional<Violation> FloodGuard::add_to_block(const FrameHead& head) {
  block_bytes_ += head.length;
  is_block_last_ = (head.flags & kEndHeaders) != 0;
  if (block_bytes_ > limits_.header_block_bytes_max) return kBlockTooLarge;
  return std::nullopt;
}

}  // namespace penstock::http2
