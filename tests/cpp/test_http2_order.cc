// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "h2_order.h"
#include "h2_pair.h"
#include "harness.h"

namespace penstock {
namespace {

using testing::FrameOrder;

// A frame's head; `size` bytes of payload that say nothing.
std::string frame_of(char type, char flags, char stream_id, char size) {
  std::string bytes{0, 0, size, type, flags, 0, 0, 0, stream_id};
  return bytes.append(static_cast<std::size_t>(size), 'x');
}

std::size_t late_frames(std::string_view bytes, std::size_t piece) {
  FrameOrder order;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    order.read(testing::bytes_of_text(bytes.substr(at, piece)));
  }
  return order.late_frames();
}

TEST(http2_order, frames_behind_a_streams_end_are_counted_wherever_they_are_cut) {
  const std::string head = frame_of(1, 4, 1, 3);
  const std::string trailers = frame_of(1, 5, 1, 2);
  const std::string data = frame_of(0, 0, 1, 9);
  const std::string reset = frame_of(3, 0, 1, 4);
  const std::string room = frame_of(8, 0, 1, 4);
  for (const std::size_t piece : {1, 5, 9, 1000}) {
    EXPECT_EQ(late_frames(head + data + trailers + reset + room, piece), 0);
    EXPECT_EQ(late_frames(head + trailers + data, piece), 1);
    EXPECT_EQ(late_frames(head + trailers + trailers, piece), 1);
    EXPECT_EQ(late_frames(head + reset + data + trailers, piece), 2);
    EXPECT_EQ(late_frames(head + trailers + frame_of(1, 5, 3, 2), piece), 0);
  }
}

}  // namespace
}  // namespace penstock
