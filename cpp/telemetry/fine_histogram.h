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

// Each power of two is cut into 32 equal parts, so that the middle of a part is within 1/64 of
// every duration in it. From one nanosecond to 68 s; longer ones count as that.
inline constexpr unsigned kFineBits = 5;
inline constexpr std::size_t kFineParts = std::size_t{1} << kFineBits;
inline constexpr std::size_t kFineBuckets = (36 - kFineBits + 1) * kFineParts;

// Where a duration is counted, and which duration stands for all that are counted there.
constexpr std::size_t fine_bucket(base::Nanos duration_ns) {
  const auto ns = static_cast<std::uint64_t>(std::max<base::Nanos>(duration_ns, 0));
  if (ns < kFineParts) return ns;
  const auto shift = static_cast<std::size_t>(std::bit_width(ns)) - 1 - kFineBits;
  return std::min<std::size_t>(shift * kFineParts + (ns >> shift), kFineBuckets - 1);
}
constexpr std::uint64_t fine_middle_ns(std::size_t bucket) {
  if (bucket < 2 * kFineParts) return bucket;
  const std::size_t shift = bucket / kFineParts - 1;
  const std::uint64_t low = static_cast<std::uint64_t>(kFineParts + bucket % kFineParts) << shift;
  return low + (std::uint64_t{1} << shift) / 2;
}

// Counts by fine_bucket().
using FineCounts = std::array<std::uint64_t, kFineBuckets>;

// A histogram fine enough for quantiles. Written by one thread, read by any.
class FineHistogram {
 public:
  void record(base::Nanos duration_ns) { buckets_[fine_bucket(duration_ns)].add(1); }
  void add_to(FineCounts& sum) const {
    for (std::size_t i = 0; i < kFineBuckets; ++i) sum[i] += buckets_[i].value();
  }

 private:
  std::array<Counter, kFineBuckets> buckets_;
};

}  // namespace penstock::telemetry
