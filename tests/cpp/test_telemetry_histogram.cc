// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "harness.h"
#include "telemetry/histogram.h"

namespace penstock::telemetry {
namespace {

// The bucket that a duration falls into.
std::size_t bucket_of(base::Nanos duration_ns) {
  DurationHistogram histogram;
  histogram.record(duration_ns);
  const DurationCounts counts = histogram.counts();
  for (std::size_t i = 0; i < counts.buckets.size(); ++i) {
    if (counts.buckets[i] == 1) return i;
  }
  return counts.buckets.size();
}

TEST(telemetry_histogram, a_bound_belongs_to_its_own_bucket_and_a_nanosecond_more_to_the_next) {
  for (std::size_t i = 0; i < kDurationBuckets; ++i) {
    const auto bound_ns = static_cast<base::Nanos>(DurationCounts::upper_bound(i)) * 1000;
    EXPECT_EQ(bucket_of(bound_ns), i);
    EXPECT_EQ(bucket_of(bound_ns + 1), i + 1);
  }
}

TEST(telemetry_histogram, every_duration_agrees_with_a_search_of_the_bounds) {
  for (base::Nanos ns = 0; ns < 300'000; ns += 37) {
    std::size_t expected = 0;
    while (static_cast<std::uint64_t>(ns) > DurationCounts::upper_bound(expected) * 1000) {
      ++expected;
    }
    EXPECT_EQ(bucket_of(ns), expected);
  }
}

TEST(telemetry_histogram, the_buckets_reach_from_a_microsecond_past_a_minute) {
  EXPECT_EQ(DurationCounts::upper_bound(0), 1);
  EXPECT_LT(60'000'000, DurationCounts::upper_bound(kDurationBuckets - 1));
}

TEST(telemetry_histogram, extremes_have_a_bucket) {
  EXPECT_EQ(bucket_of(0), 0);
  EXPECT_EQ(bucket_of(-5), 0);
  EXPECT_EQ(bucket_of(std::numeric_limits<base::Nanos>::max()), kDurationBuckets);
}

TEST(telemetry_histogram, the_sum_keeps_nanoseconds) {
  DurationHistogram histogram;
  for (int i = 0; i < 1000; ++i) histogram.record(1500);
  histogram.record(-7);
  EXPECT_EQ(histogram.counts().sum, 1'500'000);
  EXPECT_EQ(histogram.counts().count(), 1001);
}

TEST(telemetry_histogram, rows_are_counted_by_powers_of_two) {
  RowsHistogram histogram;
  for (const std::uint64_t rows : {1U, 2U, 3U, 4U, 5U, 64U, 65'536U, 65'537U}) {
    histogram.record(rows);
  }
  const RowsCounts counts = histogram.counts();
  EXPECT_EQ(counts.buckets[0], 1);
  EXPECT_EQ(counts.buckets[1], 1);
  EXPECT_EQ(counts.buckets[2], 2);
  EXPECT_EQ(counts.buckets[3], 1);
  EXPECT_EQ(counts.buckets[6], 1);
  EXPECT_EQ(counts.buckets[16], 1);
  EXPECT_EQ(counts.buckets[17], 1);
  EXPECT_EQ(counts.sum, 1 + 2 + 3 + 4 + 5 + 64 + 65'536 + 65'537);
}

TEST(telemetry_histogram, counts_add_up) {
  RowsHistogram one;
  RowsHistogram two;
  one.record(4);
  two.record(4);
  two.record(9);
  RowsCounts sum = one.counts();
  sum += two.counts();
  EXPECT_EQ(sum.buckets[2], 2);
  EXPECT_EQ(sum.count(), 3);
  EXPECT_EQ(sum.sum, 17);
}

}  // namespace
}  // namespace penstock::telemetry
