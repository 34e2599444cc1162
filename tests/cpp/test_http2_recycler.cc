// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "harness.h"
#include "http2/recycler.h"

namespace penstock::http2 {
namespace {

struct Held {
  unsigned char* block = nullptr;
  std::size_t bytes = 0;
  unsigned char mark = 0;

  bool is_whole() const {
    for (std::size_t i = 0; i < bytes; ++i) {
      if (block[i] != mark) return false;
    }
    return true;
  }
};

TEST(http2_recycler, blocks_never_overlap_and_keep_their_bytes_when_resized) {
  Recycler recycler;
  std::mt19937 random(7);
  std::vector<Held> held;
  for (unsigned round = 0; round < 20'000; ++round) {
    const std::size_t bytes = 1 + random() % (round % 7 == 0 ? 5000 : 300);
    const auto mark = static_cast<unsigned char>(round);
    if (held.size() < 200 && random() % 2 == 0) {
      auto* const block = static_cast<unsigned char*>(recycler.allocate(bytes));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t), 0U);
      std::memset(block, mark, bytes);
      held.push_back({block, bytes, mark});
    } else if (!held.empty()) {
      Held& one = held[random() % held.size()];
      REQUIRE(one.is_whole());
      if (random() % 3 == 0) {
        one.block = static_cast<unsigned char*>(recycler.resize(one.block, bytes));
        one.bytes = std::min(one.bytes, bytes);
        REQUIRE(one.is_whole());
        std::memset(one.block, one.mark, bytes);
        one.bytes = bytes;
      } else {
        recycler.release(one.block);
        one = held.back();
        held.pop_back();
      }
    }
  }
  for (const Held& one : held) {
    EXPECT(one.is_whole());
    recycler.release(one.block);
  }
}

TEST(http2_recycler, nothing_and_too_much_are_as_with_malloc) {
  Recycler recycler;
  recycler.release(nullptr);
  void* const empty = recycler.allocate(0);
  recycler.release(empty);
  EXPECT(recycler.allocate(std::numeric_limits<std::size_t>::max()) == nullptr);
  void* const block = recycler.resize(nullptr, 10);
  EXPECT(block != nullptr);
  recycler.release(block);
}

}  // namespace
}  // namespace penstock::http2
