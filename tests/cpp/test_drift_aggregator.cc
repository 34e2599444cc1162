// SPDX-License-Identifier: Apache-2.0
#include <thread>
#include <vector>

#include "drift/aggregator.h"
#include "drift_rows.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using drift::Aggregator;
using drift::Reading;

const base::Signature& x_signature() {
  static const base::Signature made{
      .inputs = {{.name = "x", .dtype = base::DType::kFp32, .dims = {4}}},
      .outputs = {},
      .batch_rows_max = 8};
  return made;
}

struct Rig {
  explicit Rig(std::size_t io_threads = 1, std::size_t ring_bytes = 1 << 12)
      : aggregator(*Aggregator::open(io_threads, ring_bytes)) {}
  std::shared_ptr<drift::Watch> watch(double share = 1) {
    return *aggregator->open_watch(
        plan_of({column("x", Reading::kNumber, 2, {0.5F})}, x_signature()), {.share = share});
  }
  // One row whose watched value is this.
  bool send(const drift::Watch& watch, float value, std::size_t io_thread = 0) {
    SentRows sent(1);
    sent.add(raw(std::vector<float>{9, 9, value, 9}));
    return give(*watch.tap(), sent.rows(), io_thread).is_taken;
  }
  drift::Offered give(const drift::Tap& tap, const drift::Rows& rows, std::size_t io_thread = 0) {
    const drift::Offered offered = aggregator->offer(io_thread, tap, rows);
    aggregator->commit(io_thread, tap, offered);
    return offered;
  }

  std::shared_ptr<Aggregator> aggregator;
};

std::uint64_t left(const drift::Counts& counts, drift::Left why) {
  return counts.left[static_cast<std::size_t>(why)];
}

}  // namespace

TEST(drift_aggregator, has_counted_what_was_committed_before_it_was_asked) {
  Rig rig;
  const auto watch = rig.watch();
  for (std::uint32_t i = 0; i < 200; ++i) {
    EXPECT(rig.send(*watch, 0));
    EXPECT(rig.send(*watch, 1));
    const auto counts = rig.aggregator->take(*watch, false);
    REQUIRE(counts.has_value());
    EXPECT_EQ(counts->shown[0], 1);
    EXPECT_EQ(counts->shown[1], 1);
    EXPECT_EQ(counts->requests, 2);
  }
}

TEST(drift_aggregator, counts_all_that_it_took_and_tells_all_that_was_dropped) {
  constexpr std::uint64_t kRows = 30'000;
  Rig rig(2);
  const auto first = rig.watch();
  const auto second = rig.watch();
  std::vector<std::thread> io_threads;
  for (std::size_t io = 0; io < 2; ++io) {
    io_threads.emplace_back([&, io] {
      SentRows large(200);
      large.add(raw(std::vector<float>(800, 1)));
      const drift::Rows rows = large.rows();
      for (std::uint64_t i = 0; i < kRows; ++i) {
        rig.send(i % 2 == 0 ? *first : *second, 1, io);
        if (i % 100 == 0) rig.give(*second->tap(), rows, io);
      }
    });
  }
  std::uint64_t counted = 0;
  drift::LeftRows dropped{};
  const auto take = [&](drift::Watch& watch) {
    const auto counts = rig.aggregator->take(watch, true);
    counted += counts->rows;
    for (std::size_t why = 0; why < dropped.size(); ++why) dropped[why] += counts->left[why];
    EXPECT_EQ(counts->shown[1], counts->rows);
  };
  for (int i = 0; i < 20; ++i) take(*first);
  for (auto& io : io_threads) io.join();
  take(*first);
  take(*second);
  const auto [full, large, replaced, unsampled] = dropped;
  EXPECT_EQ(counted + full + large, 2 * (kRows + 200 * kRows / 100));
  EXPECT(counted > 0);
  EXPECT(full > 0);
  EXPECT(large > 0);
  EXPECT_EQ(replaced + unsampled, 0);
}

TEST(drift_aggregator, takes_some_rows_of_a_request_that_is_too_large_and_tells_the_others) {
  Rig rig(1, 1 << 10);
  const auto watch = rig.watch();
  SentRows large(100);
  large.add(raw(std::vector<float>(400, 1)));
  const drift::Offered offered = rig.give(*watch->tap(), large.rows());
  EXPECT(offered.is_taken);
  EXPECT(offered.left > 60 && offered.left < 85);
  EXPECT(rig.send(*watch, 1));
  const auto counts = rig.aggregator->take(*watch, false);
  EXPECT_EQ(left(*counts, drift::Left::kLarge), offered.left);
  EXPECT_EQ(counts->rows, 100 - offered.left + 1);
  EXPECT_EQ(counts->tested_rows, 2);
  EXPECT_EQ(left(*rig.aggregator->take(*watch, false), drift::Left::kLarge), 0);
}

TEST(drift_aggregator, drops_whole_what_has_no_row_that_fits_and_tells_nothing_uncommitted) {
  Rig rig(1, 1 << 8);
  const auto watch = rig.watch();
  SentRows wide(2);
  wide.add(raw(std::vector<float>(400, 1)));
  const drift::Offered offered = rig.aggregator->offer(0, *watch->tap(), wide.rows());
  EXPECT(!offered.is_taken);
  EXPECT_EQ(left(*rig.aggregator->take(*watch, false), drift::Left::kLarge), 0);
  rig.aggregator->commit(0, *watch->tap(), offered);
  const auto counts = rig.aggregator->take(*watch, false);
  EXPECT_EQ(left(*counts, drift::Left::kLarge), 2);
  EXPECT_EQ(counts->requests, 0);
}

TEST(drift_aggregator, passes_over_rows_of_a_watch_that_is_gone) {
  Rig rig;
  auto gone = rig.watch();
  const auto tap = gone->tap();
  const auto watch = rig.watch();
  gone.reset();
  SentRows sent(1);
  sent.add(raw(std::vector<float>{1, 1, 1, 1}));
  EXPECT(rig.give(*tap, sent.rows()).is_taken);
  EXPECT(rig.send(*watch, 1));
  EXPECT_EQ(rig.aggregator->take(*watch, false)->rows, 1);
}

TEST(drift_aggregator, has_no_ring_before_its_first_watch_and_no_counts_after_its_end) {
  Rig rig;
  EXPECT_EQ(rig.aggregator->ring_bytes(), 0);
  const auto watch = rig.watch();
  EXPECT_EQ(rig.aggregator->ring_bytes(), 1 << 12);
  rig.aggregator->stop();
  EXPECT(rig.aggregator->take(*watch, false).error().code == base::Code::kUnavailable);
  EXPECT(!rig.aggregator->open_watch(watch->plan(), {}).has_value());
}

TEST(drift_aggregator, a_share_is_of_hashes) {
  Rig rig;
  const auto all = rig.watch();
  EXPECT(all->tap()->takes_all());
  const auto some = rig.watch(0.25);
  EXPECT(!some->tap()->takes_all());
  EXPECT(some->tap()->takes(std::uint64_t{1} << 61));
  EXPECT(!some->tap()->takes(std::uint64_t{1} << 62));
}

}  // namespace penstock::testing
