// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>

#include "base/clock.h"
#include "telemetry/fine_histogram.h"

namespace penstock::telemetry {

// The duration that the share `quantile` of `counts` does not exceed, within 1/64 of it; nothing
// where nothing was counted.
std::optional<std::uint64_t> quantile_ns(std::span<const std::uint64_t> counts, double quantile);

// What was counted lately: counts only grow, so it is the difference to those of a while ago.
// Each read leaves its counts behind, at most one per kKeepEvery, and is compared with the youngest
// that is kWindow old: the last minute, up to the time between two reads more. Before there are any
// so old it is compared with the oldest, and the first read with nothing.
class RecentCounts {
 public:
  static constexpr base::Nanos kWindow = 60 * base::kSecond;
  static constexpr base::Nanos kKeepEvery = 12 * base::kSecond;

  // `counts` as they are at `now`, which never falls. Gives what came since the past one.
  std::unique_ptr<FineCounts> advance(const FineCounts& counts, base::Nanos now);

 private:
  struct Past {
    base::Nanos at = 0;
    std::unique_ptr<FineCounts> counts;
  };
  std::deque<Past> past_;  // oldest first; none but the oldest is kWindow old
};

}  // namespace penstock::telemetry
