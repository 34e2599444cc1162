// SPDX-License-Identifier: Apache-2.0
#pragma once

// RFC 9113 section 5.1 from the outside: reads the heads of a server's frames and counts those
// that come on a stream behind its end. nghttp2's client forgives them, and calls nobody.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>

namespace penstock::testing {

class FrameOrder {
 public:
  // Bytes of the server, cut wherever.
  void read(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const std::size_t skipped = std::min(payload_left_, bytes.size());
      payload_left_ -= skipped;
      bytes = bytes.subspan(skipped);
      if (bytes.empty()) return;
      head_ += static_cast<char>(bytes.front());
      bytes = bytes.subspan(1);
      if (head_.size() == kHeadBytes) note_head();
    }
  }
  // DATA and HEADERS on streams that the server had ended or reset.
  std::size_t late_frames() const { return late_frames_; }

 private:
  static constexpr std::size_t kHeadBytes = 9;

  std::uint32_t number(std::size_t at, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + size; ++i) {
      value = value << 8 | static_cast<unsigned char>(head_[i]);
    }
    return value;
  }
  void note_head() {
    enum : std::uint32_t { kData = 0, kHeaders = 1, kResetStream = 3, kEndStream = 1 };
    payload_left_ = number(0, 3);
    const std::uint32_t type = number(3, 1);
    const std::uint32_t flags = number(4, 1);
    const std::uint32_t stream_id = number(5, 4) & 0x7fffffff;
    head_.clear();
    const bool is_said = type == kData || type == kHeaders;
    if (is_said && over_.contains(stream_id)) ++late_frames_;
    if (type == kResetStream || (is_said && (flags & kEndStream) != 0)) over_.insert(stream_id);
  }

  std::string head_;
  std::size_t payload_left_ = 0;
  std::set<std::uint32_t> over_;
  std::size_t late_frames_ = 0;
};

}  // namespace penstock::testing
