// SPDX-License-Identifier: Apache-2.0
#include "telemetry/quantiles.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace penstock::telemetry {

std::optional<std::uint64_t> quantile_ns(std::span<const std::uint64_t> counts, double quantile) {
  const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  if (total == 0) return std::nullopt;
  const double share = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(total));
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(share), 1, total);
  std::uint64_t seen = 0;
  std::size_t at = 0;
  while (seen + counts[at] < rank) seen += counts[at++];
  return fine_middle_ns(at);
}

std::unique_ptr<FineCounts> RecentCounts::advance(const FineCounts& counts, base::Nanos now) {
  while (past_.size() > 1 && past_[1].at + kWindow <= now) past_.pop_front();
  auto recent = std::make_unique<FineCounts>(counts);
  if (!past_.empty()) {
    const FineCounts& before = *past_.front().counts;
    for (std::size_t i = 0; i < kFineBuckets; ++i) (*recent)[i] -= before[i];
  }
  if (past_.empty()) past_.push_back({now, std::make_unique<FineCounts>()});
  if (past_.size() == 1 || past_.back().at + kKeepEvery <= now) {
    past_.push_back({now, std::make_unique<FineCounts>(counts)});
  }
  return recent;
}

}  // namespace penstock::telemetry
