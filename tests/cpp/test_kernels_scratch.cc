// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>

#include "harness.h"
#include "kernels/scratch.h"

namespace penstock::kernels {
namespace {

TEST(kernels_scratch, what_is_taken_is_aligned_and_overlaps_nothing) {
  Scratch scratch;
  std::vector<std::span<std::byte>> taken;
  for (std::size_t bytes = 1; bytes < 40'000; bytes += 1 + bytes / 3) {
    taken.push_back(scratch.take(bytes));
    EXPECT_EQ(taken.back().size(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(taken.back().data()) % Scratch::kAlignment, 0);
    std::memset(taken.back().data(), static_cast<int>(taken.size()), bytes);
  }
  for (std::size_t i = 0; i < taken.size(); ++i) {
    for (const std::byte byte : taken[i]) REQUIRE(byte == static_cast<std::byte>(i + 1));
  }
}

TEST(kernels_scratch, a_second_run_like_the_first_allocates_nothing) {
  Scratch scratch;
  const auto run = [&] {
    scratch.reset();
    for (std::size_t bytes = 100; bytes < 200'000; bytes *= 2) scratch.take(bytes);
  };
  run();
  scratch.reset();
  const std::size_t held = scratch.bytes();
  const std::byte* const first = scratch.take(1).data();
  run();
  EXPECT_EQ(scratch.bytes(), held);
  scratch.reset();
  EXPECT_EQ(scratch.take(1).data(), first);
}

TEST(kernels_scratch, a_frame_gives_back_what_was_taken_in_it) {
  Scratch scratch;
  const std::byte* const outer = scratch.take(100).data();
  const std::byte* inner = nullptr;
  {
    const Scratch::Frame frame(scratch);
    inner = scratch.take(300).data();
    scratch.take(1'000'000);
  }
  EXPECT_EQ(scratch.take(300).data(), inner);
  EXPECT_NE(inner, outer);
}

}  // namespace
}  // namespace penstock::kernels
