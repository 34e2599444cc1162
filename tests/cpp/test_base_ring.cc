// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <memory>
#include <thread>

#include "base/ring.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using base::Ring;

}  // namespace

TEST(base_ring, what_was_pushed_first_is_popped_first) {
  Ring<int> ring(3);
  int value = 0;
  EXPECT(!ring.pop(value));
  for (int lap = 0; lap < 10; ++lap) {
    EXPECT(ring.push(lap * 2));
    EXPECT(ring.push(lap * 2 + 1));
    EXPECT(ring.pop(value));
    EXPECT_EQ(value, lap * 2);
    EXPECT(ring.pop(value));
    EXPECT_EQ(value, lap * 2 + 1);
  }
  EXPECT(!ring.pop(value));
}

TEST(base_ring, a_full_ring_takes_nothing_and_leaves_the_value_to_the_producer) {
  Ring<std::unique_ptr<int>> ring(3);  // and not the four that its memory has room for
  for (int i = 0; i < 3; ++i) EXPECT(ring.push(std::make_unique<int>(i)));
  auto more = std::make_unique<int>(3);
  EXPECT(!ring.push(std::move(more)));
  REQUIRE(more != nullptr);
  std::unique_ptr<int> out;
  EXPECT(ring.pop(out));
  EXPECT_EQ(*out, 0);
  EXPECT(ring.push(std::move(more)));
  for (int i = 1; i <= 3; ++i) {
    EXPECT(ring.pop(out));
    EXPECT_EQ(*out, i);
  }
}

TEST(base_ring, what_was_never_popped_ends_with_the_ring) {
  auto kept = std::make_shared<int>(1);
  {
    Ring<std::shared_ptr<int>> ring(2);
    EXPECT(ring.push(std::shared_ptr<int>(kept)));
    EXPECT_EQ(kept.use_count(), 2);
  }
  EXPECT_EQ(kept.use_count(), 1);
}

TEST(base_ring, what_one_thread_pushes_another_pops_whole_and_in_order) {
  constexpr int kValues = 20'000;
  struct Pair {
    int number = 0;
    std::unique_ptr<int> copy;
  };
  Ring<Pair> ring(5);
  std::thread consumer([&ring] {
    Pair pair;
    for (int next = 0; next < kValues;) {
      if (!ring.pop(pair)) {
        std::this_thread::yield();
        continue;
      }
      if (pair.number != next || *pair.copy != next) std::abort();
      ++next;
    }
  });
  for (int i = 0; i < kValues; ++i) {
    Pair pair{.number = i, .copy = std::make_unique<int>(i)};
    while (!ring.push(std::move(pair))) std::this_thread::yield();
  }
  consumer.join();
  Pair left;
  EXPECT(!ring.pop(left));
}

}  // namespace penstock::testing
