// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "harness.h"
#include "telemetry/exact_histogram.h"

namespace penstock::telemetry {
namespace {

TEST(telemetry_exact_histogram, a_bound_belongs_to_its_own_bucket) {
  ExactHistogram histogram({100, 2'500, 1'000'000});
  for (const base::Nanos ns : {-1, 0, 100, 101, 2'500, 2'501, 1'000'000, 1'000'001}) {
    histogram.record(ns);
  }
  histogram.record(std::numeric_limits<base::Nanos>::max());
  const ExactCounts counts = histogram.counts();
  EXPECT(counts.buckets == (std::vector<std::uint64_t>{3, 2, 2, 2}));
}

TEST(telemetry_exact_histogram, without_bounds_it_records_nothing) {
  ExactHistogram histogram({});
  histogram.record(5);
  EXPECT(histogram.counts() == ExactCounts());
}

TEST(telemetry_exact_histogram, counts_of_the_same_bounds_add_up) {
  ExactHistogram one({10, 20});
  ExactHistogram two({10, 20});
  one.record(5);
  two.record(15);
  two.record(25);
  ExactCounts sum;
  sum += one.counts();
  sum += two.counts();
  EXPECT(sum.bounds_ns == (std::vector<base::Nanos>{10, 20}));
  EXPECT(sum.buckets == (std::vector<std::uint64_t>{1, 1, 1}));
}

TEST(telemetry_exact_histogram, it_takes_as_many_bounds_as_it_says) {
  std::vector<base::Nanos> bounds;
  for (std::size_t i = 1; i <= kExactBoundsMax; ++i) {
    bounds.push_back(static_cast<base::Nanos>(i));
  }
  ExactHistogram histogram(bounds);
  for (const base::Nanos ns : bounds) histogram.record(ns);
  for (std::size_t i = 0; i < kExactBoundsMax; ++i) EXPECT_EQ(histogram.counts().buckets[i], 1);
}

}  // namespace
}  // namespace penstock::telemetry
