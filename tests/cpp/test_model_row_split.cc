// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>
#include <vector>

#include "harness.h"
#include "model/row_split.h"

using namespace penstock;
using model::RowSplitter;
using model::split_parts;
using model::SplitCosts;

TEST(model_row_split, a_batch_is_split_where_that_saves_twice_what_waking_costs) {
  // 1000 rows of 100 ns: 100 us, of which a second thread saves 50.
  EXPECT_EQ(split_parts(1000, {.row_ns = 100, .wake_ns = 24'000, .threads = 2}), 4U);
  EXPECT_EQ(split_parts(1000, {.row_ns = 100, .wake_ns = 26'000, .threads = 2}), 1U);
  // Of four threads the others save 75.
  EXPECT_EQ(split_parts(1000, {.row_ns = 100, .wake_ns = 37'000, .threads = 4}), 8U);
  EXPECT_EQ(split_parts(1000, {.row_ns = 100, .wake_ns = 38'000, .threads = 4}), 1U);
}

TEST(model_row_split, what_is_not_measured_or_has_one_thread_is_not_split) {
  EXPECT_EQ(split_parts(1'000'000, {.row_ns = 0, .wake_ns = 0, .threads = 8}), 1U);
  EXPECT_EQ(split_parts(1'000'000, {.row_ns = 1e6, .wake_ns = 0, .threads = 1}), 1U);
  EXPECT_EQ(split_parts(0, {.row_ns = 1e6, .wake_ns = 0, .threads = 8}), 1U);
}

TEST(model_row_split, a_part_has_the_rows_of_a_kernel_at_least) {
  const SplitCosts dear{.row_ns = 1e9, .wake_ns = 1, .threads = 8};
  EXPECT_EQ(split_parts(64, dear), 1U);
  EXPECT_EQ(split_parts(65, dear), 2U);
  EXPECT_EQ(split_parts(64 * 3, dear), 3U);
  EXPECT_EQ(split_parts(64 * 1000, dear), 16U);
}

TEST(model_row_split, every_row_is_computed_once_in_parts_of_whole_units) {
  RowSplitter splitter(3);
  for (std::size_t rows : {65UZ, 128UZ, 1000UZ, 12'345UZ}) {
    std::vector<int> done(rows);
    std::atomic<bool> are_whole = true;
    REQUIRE(splitter.run(rows, 1e9, [&](std::size_t begin, std::size_t count) {
      if (begin % model::kPartUnit != 0 || count == 0) are_whole = false;
      for (std::size_t i = begin; i < begin + count; ++i) ++done[i];
    }));
    EXPECT(are_whole.load());
    EXPECT(done == std::vector<int>(rows, 1));
  }
}

TEST(model_row_split, what_would_not_pay_is_left_to_the_caller) {
  RowSplitter splitter(2);
  const auto never = [](std::size_t, std::size_t) { EXPECT(false); };
  EXPECT(!splitter.run(64, 1e9, never));
  EXPECT(!splitter.run(1000, 1, never));
  EXPECT(!RowSplitter(1).run(100'000, 1e9, never));
}

TEST(model_row_split, callers_at_the_same_time_share_one_pool_or_do_without) {
  RowSplitter splitter(2);
  std::vector<std::vector<int>> done(4, std::vector<int>(1000));
  std::vector<std::thread> callers;
  for (std::vector<int>& mine : done) {
    callers.emplace_back([&] {
      for (int turn = 0; turn < 50; ++turn) {
        const auto work = [&](std::size_t begin, std::size_t count) {
          for (std::size_t i = begin; i < begin + count; ++i) ++mine[i];
        };
        if (!splitter.run(mine.size(), 1e9, work)) work(0, mine.size());
      }
    });
  }
  for (std::thread& thread : callers) thread.join();
  for (const std::vector<int>& mine : done) EXPECT(mine == std::vector<int>(1000, 50));
}
