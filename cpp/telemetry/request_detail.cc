// SPDX-License-Identifier: Apache-2.0
#include "telemetry/request_detail.h"

namespace penstock::telemetry {

bool DetailOptions::is_any() const {
  for (const auto& bounds : bounds_ns) {
    if (!bounds.empty()) return true;
  }
  return has_quantiles;
}

RequestDetail::RequestDetail(const DetailOptions& options) {
  for (const auto& bounds : options.bounds_ns) exact_.emplace_back(bounds);
  if (options.has_quantiles) fine_ = std::make_unique<PerDuration<FineHistogram>>();
}

void RequestDetail::record(const PerDuration<base::Nanos>& durations_ns) {
  for (std::size_t i = 0; i < kDurationCount; ++i) {
    exact_[i].record(durations_ns[i]);
    if (fine_ != nullptr) (*fine_)[i].record(durations_ns[i]);
  }
}

ExactCounts RequestDetail::exact(Duration duration) const {
  return exact_[static_cast<std::size_t>(duration)].counts();
}

void RequestDetail::add_fine(Duration duration, FineCounts& sum) const {
  if (fine_ != nullptr) (*fine_)[static_cast<std::size_t>(duration)].add_to(sum);
}

}  // namespace penstock::telemetry
