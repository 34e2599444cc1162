// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "h2_pair.h"
#include "harness.h"
#include "http2/frame_scan.h"

namespace penstock::testing {
namespace {

using http2::FrameHead;
using http2::FrameScan;

// The heads in `bytes`, given in pieces of `size`.
std::vector<FrameHead> heads_in(FrameScan& scan, std::string_view bytes, std::size_t size) {
  std::vector<FrameHead> found;
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    std::span<const std::byte> input = bytes_of_text(bytes.substr(at, size));
    while (const auto head = scan.next(input)) found.push_back(*head);
    EXPECT(input.empty());
  }
  return found;
}

}  // namespace

TEST(http2_frame_scan, frames_are_the_same_wherever_they_are_cut) {
  const std::string bytes = std::string(kPreface) + frame(4, 0, 0, "") + frame(1, 5, 7, "head") +
                            frame(0, 1, 0x80000007, std::string(300, 'x')) +
                            frame(0xFA, 0xFF, 0x7FFFFFFF, "y") + frame(6, 0, 0, "12345678");
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    FrameScan scan;
    const std::vector<FrameHead> heads = heads_in(scan, bytes, size);
    REQUIRE(heads.size() == 5);
    EXPECT_EQ(int{heads[0].type}, 4);
    EXPECT_EQ(heads[1].length, 4U);
    EXPECT_EQ(int{heads[1].flags}, 5);
    EXPECT_EQ(heads[1].stream_id, 7);
    EXPECT_EQ(heads[2].length, 300U);
    EXPECT_EQ(heads[2].stream_id, 7);
    EXPECT_EQ(int{heads[3].type}, 0xFA);
    EXPECT_EQ(heads[3].stream_id, 0x7FFFFFFF);
    EXPECT_EQ(int{heads[4].type}, 6);
    EXPECT_EQ(scan.body_bytes_left(), 0);
  }
}

TEST(http2_frame_scan, it_knows_what_is_still_to_come) {
  FrameScan scan;
  const std::string bytes = std::string(kPreface) + frame(1, 4, 1, "ten octets");
  heads_in(scan, bytes.substr(0, bytes.size() - 4), 1000);
  EXPECT_EQ(scan.body_bytes_left(), 4);
  heads_in(scan, "ets", 1000);
  EXPECT_EQ(scan.body_bytes_left(), 1);
}

TEST(http2_frame_scan, what_is_no_http2_has_no_frames) {
  FrameScan scan;
  std::string bytes(kPreface);
  bytes.back() = ' ';
  for (int i = 0; i < 10; ++i) bytes += frame(6, 0, 0, "12345678");
  EXPECT_EQ(heads_in(scan, bytes, 7).size(), 0);
}

}  // namespace penstock::testing
