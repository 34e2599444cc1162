// SPDX-License-Identifier: Apache-2.0
#include "telemetry/exact_histogram.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace penstock::telemetry {

ExactCounts& ExactCounts::operator+=(const ExactCounts& more) {
  if (bounds_ns.empty()) return *this = more;
  PENSTOCK_CHECK(bounds_ns == more.bounds_ns);
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += more.buckets[i];
  return *this;
}

ExactHistogram::ExactHistogram(std::vector<base::Nanos> bounds_ns)
    : bounds_ns_(std::move(bounds_ns)) {
  PENSTOCK_CHECK(bounds_ns_.size() <= kExactBoundsMax && std::ranges::is_sorted(bounds_ns_));
  if (!bounds_ns_.empty()) buckets_ = std::make_unique<Counter[]>(bounds_ns_.size() + 1);
}

void ExactHistogram::record(base::Nanos duration_ns) {
  if (bounds_ns_.empty()) return;
  const auto at = std::ranges::lower_bound(bounds_ns_, duration_ns);
  buckets_[static_cast<std::size_t>(at - bounds_ns_.begin())].add(1);
}

ExactCounts ExactHistogram::counts() const {
  ExactCounts counts{.bounds_ns = bounds_ns_, .buckets = {}};
  for (std::size_t i = 0; !bounds_ns_.empty() && i <= bounds_ns_.size(); ++i) {
    counts.buckets.push_back(buckets_[i].value());
  }
  return counts;
}

}  // namespace penstock::telemetry
