// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "telemetry/exact_histogram.h"
#include "telemetry/fine_histogram.h"

namespace penstock::telemetry {

// The durations that are counted of a request that succeeded.
enum class Duration : std::uint8_t {
  kRequest,
  kQueue,
  kComputeInput,
  kComputeInfer,
  kComputeOutput,
};
inline constexpr std::size_t kDurationCount = 5;

// Something for each Duration, in their order.
template <class T>
using PerDuration = std::array<T, kDurationCount>;

// What a version records of each request beyond what all of them do.
struct DetailOptions {
  PerDuration<std::vector<base::Nanos>> bounds_ns = {};  // of histograms; empty: by powers of two
  bool has_quantiles = false;
  std::vector<double> quantiles = {};  // each 0 to 1

  bool is_any() const;
};

// One thread's part of it. Written by that thread, read by any.
class RequestDetail {
 public:
  explicit RequestDetail(const DetailOptions& options);

  void record(const PerDuration<base::Nanos>& durations_ns);
  ExactCounts exact(Duration duration) const;
  // Adds what quantiles are computed from to `sum`.
  void add_fine(Duration duration, FineCounts& sum) const;

 private:
  std::vector<ExactHistogram> exact_;                 // one for each Duration
  std::unique_ptr<PerDuration<FineHistogram>> fine_;  // null: without quantiles
};

}  // namespace penstock::telemetry
