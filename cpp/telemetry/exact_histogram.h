// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "telemetry/counter.h"

namespace penstock::telemetry {

// Durations counted by bounds that somebody chose, read out. buckets[i] counts what is at most
// bounds_ns[i] and more than the bound before; one more bucket counts what is above them all.
struct ExactCounts {
  std::vector<base::Nanos> bounds_ns;  // ascending; empty: nobody chose any
  std::vector<std::uint64_t> buckets;

  ExactCounts& operator+=(const ExactCounts& more);
  friend bool operator==(const ExactCounts&, const ExactCounts&) = default;
};

// More bounds than these cost a version's every request, and every reader of the page, too much.
inline constexpr std::size_t kExactBoundsMax = 64;

// Counts durations by given bounds, exactly: a histogram by powers of two could not tell them
// afterwards. Written by one thread, read by any.
class ExactHistogram {
 public:
  // `bounds_ns` ascending, at most kExactBoundsMax; empty: records nothing.
  explicit ExactHistogram(std::vector<base::Nanos> bounds_ns);

  void record(base::Nanos duration_ns);
  ExactCounts counts() const;

 private:
  std::vector<base::Nanos> bounds_ns_;
  std::unique_ptr<Counter[]> buckets_;
};

}  // namespace penstock::telemetry
