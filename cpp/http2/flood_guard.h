// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http2/error_code.h"
#include "http2/frame_scan.h"
#include "http2/limits.h"

namespace penstock::http2 {

// Tokens that are spent, come back with time, and are never more than Rate::burst. A value.
class TokenBucket {
 public:
  explicit TokenBucket(const Rate& rate) : rate_(rate), tokens_(rate.burst) {}

  void refill(base::Nanos now);
  void spend(std::int64_t tokens) { tokens_ -= tokens; }
  void earn(std::int64_t tokens);
  bool is_overdrawn() const { return tokens_ < 0; }

 private:
  Rate rate_;
  std::int64_t tokens_;
  base::Nanos refilled_ns_ = 0;
};

// Judges a peer by the heads of its frames, before anything else is made of them: does it work, or
// does it make work? It owns no clock: what time it is comes with the bytes. Lives on an io thread.
//
// Two purses. One pays for streams that end before their full answer, whoever cut them: the peer by
// RST_STREAM, this side because what came on them was wrong, or because there were too many. The
// other pays for frames that carry no request: PING, PRIORITY, WINDOW_UPDATE, SETTINGS, unknown
// ones, CONTINUATION, DATA of next to nothing. Requests and the DATA that they are answered with
// fill the second, so that whoever is served may send the frames that this takes, however fast.
// Whoever has emptied a purse is told to calm down, and goes.
class FloodGuard {
 public:
  explicit FloodGuard(const Limits& limits)
      : limits_(limits), cut_streams_(limits.cut_streams), idle_frames_(limits.idle_frames) {}

  // What the next bytes do wrong, if they do.
  std::optional<Violation> look(std::span<const std::byte> input, base::Nanos now);
  // A stream ended before its full answer.
  void note_cut_stream() { cut_streams_.spend(1); }
  // A DATA frame was sent, of `bytes`.
  void note_sent_data(std::size_t bytes);

  // Whether the first frame is here, which must be SETTINGS: the peer has said all of its hello.
  bool is_greeted() const { return frames_ > 1 || (frames_ == 1 && scan_.body_bytes_left() == 0); }
  // When the header block began of which the end has not come; kNever: there is none.
  base::Nanos header_block_since_ns() const { return block_since_ns_; }

 private:
  std::optional<Violation> judge(const FrameHead& head, base::Nanos now);
  std::optional<Violation> judge_headers(const FrameHead& head, base::Nanos now);
  std::optional<Violation> add_to_block(const FrameHead& head);

  const Limits& limits_;
  FrameScan scan_;
  TokenBucket cut_streams_;
  TokenBucket idle_frames_;
  std::uint64_t frames_ = 0;
  base::Nanos block_since_ns_ = base::kNever;
  std::size_t block_bytes_ = 0;
  bool is_block_last_ = false;        // END_HEADERS was seen
  std::int32_t last_stream_id_ = -1;  // so that 1 is the first
  // First and last of the ids that were passed over, of the latest such gaps.
  std::vector<std::pair<std::int32_t, std::int32_t>> skipped_;
};

}  // namespace penstock::http2
