// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace penstock::http2 {

// RFC 9113 section 3.4: what a client says first.
inline constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// The nine bytes before a frame's body (RFC 9113 section 4.1).
struct FrameHead {
  std::uint32_t length = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::int32_t stream_id = 0;
};

// Finds where a client's frames begin, wherever its bytes are cut. Steps over their bodies without
// a look: whether they are right is for others to say. A value; lives on an io thread.
class FrameScan {
 public:
  static constexpr std::size_t kHeadBytes = 9;

  // The next head that is complete in `input`, with what came before; `input` becomes what follows
  // it. Nothing: all of `input` was passed, or what came is no HTTP/2.
  std::optional<FrameHead> next(std::span<const std::byte>& input);

  // Of the frame whose head came last, still to come.
  std::size_t body_bytes_left() const { return body_bytes_left_; }

 private:
  bool pass_preface(std::span<const std::byte>& input);

  std::size_t body_bytes_left_ = 0;
  std::array<std::byte, kHeadBytes> head_{};
  std::uint8_t head_bytes_ = 0;     // of a head that is cut
  std::uint8_t preface_bytes_ = 0;  // passed so far
  bool is_foreign_ = false;         // it began otherwise than by the preface
};

}  // namespace penstock::http2
