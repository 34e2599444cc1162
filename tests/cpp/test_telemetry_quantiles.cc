// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "harness.h"
#include "telemetry/quantiles.h"

namespace penstock::telemetry {
namespace {

TEST(telemetry_quantiles, the_middle_of_a_bucket_is_within_a_64th_of_all_that_is_in_it) {
  for (base::Nanos ns = 1; ns < (base::Nanos{1} << 36); ns += 1 + ns / 97) {
    const auto middle = static_cast<double>(fine_middle_ns(fine_bucket(ns)));
    EXPECT(std::abs(middle - static_cast<double>(ns)) <= static_cast<double>(ns) / 64);
  }
}

TEST(telemetry_quantiles, buckets_rise_without_gaps) {
  std::size_t before = 0;
  for (base::Nanos ns = 0; ns < 100'000; ++ns) {
    const std::size_t bucket = fine_bucket(ns);
    EXPECT(bucket == before || bucket == before + 1);
    before = bucket;
  }
  EXPECT_EQ(fine_bucket((base::Nanos{1} << 36) - 1), kFineBuckets - 1);
  EXPECT_EQ(fine_bucket(base::Nanos{1} << 40), kFineBuckets - 1);
  EXPECT_EQ(fine_bucket(-5), 0);
}

TEST(telemetry_quantiles, they_agree_with_a_sorted_list) {
  std::vector<base::Nanos> durations;
  FineHistogram histogram;
  std::uint64_t state = 7;
  for (int i = 0; i < 5000; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const auto ns = static_cast<base::Nanos>(std::exp(static_cast<double>(state >> 40) / 1e6));
    durations.push_back(ns);
    histogram.record(ns);
  }
  std::ranges::sort(durations);
  FineCounts counts{};
  histogram.add_to(counts);
  for (const double quantile : {0.0, 0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(quantile * 5000));
    const auto exact = static_cast<double>(durations[std::max<std::size_t>(rank, 1) - 1]);
    EXPECT(std::abs(static_cast<double>(*quantile_ns(counts, quantile)) - exact) <= exact / 64);
  }
}

TEST(telemetry_quantiles, of_nothing_there_are_none) { EXPECT(!quantile_ns(FineCounts{}, 0.5)); }

// What a read at `now` tells of bucket 0, of which `total` were counted so far.
std::uint64_t seen(RecentCounts& recent, std::uint64_t total, base::Nanos seconds) {
  FineCounts counts{};
  counts[0] = total;
  return (*recent.advance(counts, seconds * base::kSecond))[0];
}

TEST(telemetry_quantiles, the_first_read_tells_everything) {
  RecentCounts recent;
  EXPECT_EQ(seen(recent, 10, 1000), 10);
  EXPECT_EQ(seen(recent, 15, 1001), 15);
}

TEST(telemetry_quantiles, what_is_older_than_the_window_is_forgotten) {
  RecentCounts recent;
  seen(recent, 10, 1000);
  for (base::Nanos second = 1; second < 60; ++second) seen(recent, 10, 1000 + second);
  EXPECT_EQ(seen(recent, 12, 1060), 2);
  EXPECT_EQ(seen(recent, 12, 1071), 2);
  // Read every second; the counts of 1060 were kept, and are a window old from 1120 on.
  for (base::Nanos second = 1072; second < 1132; ++second) seen(recent, 12, second);
  EXPECT_EQ(seen(recent, 12, 1132), 0);
  EXPECT_EQ(seen(recent, 13, 1133), 1);
}

TEST(telemetry_quantiles, a_rare_read_tells_what_came_since_the_one_before) {
  RecentCounts recent;
  seen(recent, 10, 1000);
  EXPECT_EQ(seen(recent, 30, 1600), 20);
  EXPECT_EQ(seen(recent, 31, 2200), 1);
  EXPECT_EQ(seen(recent, 31, 2800), 0);
}

}  // namespace
}  // namespace penstock::telemetry
