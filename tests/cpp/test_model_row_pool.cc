// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "harness.h"
#include "model/row_pool.h"

using namespace penstock;
using model::RowPool;

TEST(model_row_pool, each_part_is_done_once) {
  RowPool pool(3);
  for (std::size_t parts : {0UZ, 1UZ, 2UZ, 3UZ, 7UZ, 100UZ}) {
    for (int turn = 0; turn < 50; ++turn) {
      std::vector<int> done(parts);  // each is written by whoever takes the part
      REQUIRE(pool.run(parts, [&](std::size_t part) { ++done[part]; }));
      EXPECT(done == std::vector<int>(parts, 1));
    }
  }
}

TEST(model_row_pool, without_helpers_the_caller_does_it_all) {
  RowPool pool(0);
  EXPECT_EQ(pool.threads(), 1U);
  std::vector<std::thread::id> by(5);
  REQUIRE(pool.run(by.size(), [&](std::size_t part) { by[part] = std::this_thread::get_id(); }));
  EXPECT(by == std::vector<std::thread::id>(5, std::this_thread::get_id()));
}

TEST(model_row_pool, helpers_take_part) {
  RowPool pool(2);
  std::vector<std::thread::id> by(3);
  std::atomic<int> begun = 0;
  // Nobody can take two parts: each waits until all have been begun.
  REQUIRE(pool.run(by.size(), [&](std::size_t part) {
    by[part] = std::this_thread::get_id();
    ++begun;
    while (begun < 3) std::this_thread::yield();
  }));
  EXPECT(by[0] != by[1] && by[1] != by[2] && by[0] != by[2]);
}

TEST(model_row_pool, late_helpers_are_not_waited_for) {
  RowPool pool(1);
  std::atomic<bool> is_held = false;
  std::atomic<bool> is_let_go = false;
  // A helper is kept in a part while the caller does all others.
  std::atomic<int> by_caller = 0;
  const auto caller = std::this_thread::get_id();
  REQUIRE(pool.run(9, [&](std::size_t) {
    if (std::this_thread::get_id() != caller) {
      is_held = true;
      while (!is_let_go) std::this_thread::yield();
      return;
    }
    while (by_caller == 0 && !is_held) std::this_thread::yield();
    if (++by_caller == 8) is_let_go = true;
  }));
  EXPECT_EQ(by_caller.load(), 8);
}

TEST(model_row_pool, while_one_uses_it_another_is_told_so_and_does_without) {
  RowPool pool(2);
  std::atomic<int> refused = 0;
  std::atomic<long> done = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int turn = 0; turn < 200; ++turn) {
        if (!pool.run(8, [&](std::size_t) { ++done; })) {
          ++refused;
          done += 8;
        }
      }
    });
  }
  for (std::thread& thread : callers) thread.join();
  EXPECT_EQ(done.load(), 4 * 200 * 8);
  bool was_refused = false;
  REQUIRE(pool.run(1, [&](std::size_t) { was_refused = !pool.run(1, [](std::size_t) {}); }));
  EXPECT(was_refused);
}

TEST(model_row_pool, what_a_part_throws_reaches_the_caller_and_the_pool_goes_on) {
  RowPool pool(2);
  for (int turn = 0; turn < 20; ++turn) {
    std::atomic<int> begun = 0;
    std::string said;
    try {
      // Parts of helpers too: none ends before all three have been begun.
      (void)pool.run(50, [&](std::size_t) {
        if (++begun > 3) return;
        while (begun < 3) std::this_thread::yield();
        throw std::runtime_error("no memory");
      });
    } catch (const std::runtime_error& thrown) {
      said = thrown.what();
    }
    EXPECT_EQ(said, "no memory");
    EXPECT(begun >= 3);
    std::atomic<int> done = 0;
    EXPECT(pool.run(9, [&](std::size_t) { ++done; }));
    EXPECT_EQ(done.load(), 9);
  }
}

TEST(model_row_pool, waking_takes_some_time_and_not_for_ever) {
  RowPool pool(1);
  const base::Nanos found = pool.measure_wake();
  EXPECT(found > 0 && found <= RowPool::kWakeMax);
}
