// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "telemetry/counter.h"

namespace penstock::telemetry {

// Counts of observations by size, read out. Bucket i < kBuckets counts what is at most 2^i and more
// than 2^(i-1); the last one counts everything above.
template <std::size_t kBuckets>
struct HistogramCounts {
  std::array<std::uint64_t, kBuckets + 1> buckets{};
  std::uint64_t sum = 0;  // of the observations, in the unit that the histogram adds

  static constexpr std::uint64_t upper_bound(std::size_t bucket) {
    return std::uint64_t{1} << bucket;
  }
  std::uint64_t count() const {
    std::uint64_t count = 0;
    for (const std::uint64_t bucket : buckets) count += bucket;
    return count;
  }
  HistogramCounts& operator+=(const HistogramCounts& more) {
    for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += more.buckets[i];
    sum += more.sum;
    return *this;
  }
  friend bool operator==(const HistogramCounts&, const HistogramCounts&) = default;
};

// A histogram whose bounds are the powers of two: finding the bucket is one instruction, and the
// bounds never need to be configured, for their error is the same factor everywhere. Written by one
// thread, read by any; a reader may see an observation's bucket before its sum.
template <std::size_t kBuckets>
class Histogram {
 public:
  void record(std::uint64_t size, std::uint64_t amount) {
    const auto bucket = size <= 1 ? 0U : static_cast<std::size_t>(std::bit_width(size - 1));
    buckets_[std::min(bucket, kBuckets)].add(1);
    sum_.add(amount);
  }
  HistogramCounts<kBuckets> counts() const {
    HistogramCounts<kBuckets> counts;
    for (std::size_t i = 0; i <= kBuckets; ++i) counts.buckets[i] = buckets_[i].value();
    counts.sum = sum_.value();
    return counts;
  }

 private:
  std::array<Counter, kBuckets + 1> buckets_;
  Counter sum_;
};

// Durations by microseconds, 1 us to 67 s. The sum is kept in nanoseconds, so that thousands of
// short durations do not lose their fractions.
inline constexpr std::size_t kDurationBuckets = 27;
using DurationCounts = HistogramCounts<kDurationBuckets>;

class DurationHistogram {
 public:
  // A negative duration (clocks of two threads) counts as none.
  void record(base::Nanos duration_ns) {
    const auto ns = static_cast<std::uint64_t>(std::max<base::Nanos>(duration_ns, 0));
    histogram_.record((ns + 999) / 1000, ns);
  }
  DurationCounts counts() const { return histogram_.counts(); }

 private:
  Histogram<kDurationBuckets> histogram_;
};

// Rows of a batch, 1 to 65536.
inline constexpr std::size_t kRowsBuckets = 17;
using RowsCounts = HistogramCounts<kRowsBuckets>;

class RowsHistogram {
 public:
  void record(std::uint64_t rows) { histogram_.record(rows, rows); }
  RowsCounts counts() const { return histogram_.counts(); }

 private:
  Histogram<kRowsBuckets> histogram_;
};

}  // namespace penstock::telemetry
