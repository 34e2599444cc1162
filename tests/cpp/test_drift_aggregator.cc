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
    if (!aggregator->offer(io_thread, *watch.tap(), sent.rows())) return false;
    aggregator->commit(io_thread);
    return true;
  }

  std::shared_ptr<Aggregator> aggregator;
};

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
      for (std::uint64_t i = 0; i < kRows; ++i) rig.send(i % 2 == 0 ? *first : *second, 1, io);
    });
  }
  std::uint64_t counted = 0;
  std::uint64_t dropped = 0;
  const auto take = [&](drift::Watch& watch) {
    const auto counts = rig.aggregator->take(watch, true);
    counted += counts->rows;
    dropped += counts->dropped_rows;
    EXPECT_EQ(counts->shown[1], counts->rows);
  };
  for (int i = 0; i < 20; ++i) take(*first);
  for (auto& io : io_threads) io.join();
  take(*first);
  take(*second);
  EXPECT_EQ(counted + dropped, 2 * kRows);
  EXPECT(counted > 0);
}

TEST(drift_aggregator, a_full_ring_takes_no_part_of_a_request) {
  Rig rig(1, 1 << 10);
  const auto watch = rig.watch();
  SentRows large(100);
  large.add(raw(std::vector<float>(400, 1)));
  EXPECT(!rig.aggregator->offer(0, *watch->tap(), large.rows()));
  EXPECT(rig.send(*watch, 1));
  const auto counts = rig.aggregator->take(*watch, false);
  EXPECT_EQ(counts->dropped_rows, 100);
  EXPECT_EQ(counts->rows, 1);
  EXPECT_EQ(rig.aggregator->take(*watch, false)->dropped_rows, 0);
}

TEST(drift_aggregator, passes_over_rows_of_a_watch_that_is_gone) {
  Rig rig;
  auto gone = rig.watch();
  const auto tap = gone->tap();
  const auto watch = rig.watch();
  gone.reset();
  SentRows sent(1);
  sent.add(raw(std::vector<float>{1, 1, 1, 1}));
  EXPECT(rig.aggregator->offer(0, *tap, sent.rows()));
  rig.aggregator->commit(0);
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
