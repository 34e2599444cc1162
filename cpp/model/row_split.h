// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "model/row_pool.h"

namespace penstock::model {

// What splitting is weighed by; both are measured on this machine.
struct SplitCosts {
  double row_ns = 0;  // of a batch, on one thread; 0: not known
  base::Nanos wake_ns = 0;
  std::size_t threads = 1;
};

// In how many parts to compute so many rows: 1 where more would not pay. Parts are of whole
// kPartUnit rows but for the last. Pure.
std::size_t split_parts(std::size_t rows, const SplitCosts& costs);

// Kernels for batches take so many rows at a time.
inline constexpr std::size_t kPartUnit = 64;
// More parts than threads, so that a helper that comes late leaves its share to others.
inline constexpr std::size_t kPartsPerThread = 2;
// Splitting must save so many times what waking costs: at a small gain it is a loss to all else
// that the cores could do.
inline constexpr double kSplitMargin = 2;
// Without a limit given. More cores than these add little to what memory lets through.
inline constexpr std::size_t kSplitThreadsMax = 8;

// Computes rows on several threads where that pays. Its threads are made when the first batch comes
// that could gain by them; models of small batches never have any.
class RowSplitter {
 public:
  // Rows [begin, begin + rows).
  using Work = std::function<void(std::size_t begin, std::size_t rows)>;

  // `threads` work at a time, the caller's included; 0: one per core, at most kSplitThreadsMax.
  explicit RowSplitter(std::size_t threads = 0);

  // Those that may work at a time.
  std::size_t threads() const { return threads_; }
  // Whether so many rows may be split: until threads are made, a guess at what waking costs.
  bool may_split(std::size_t rows, double row_ns) const;
  // Calls `work` for all rows, in parts, perhaps at the same time. False, and nothing is done, if
  // that would not pay or the threads are busy or just being made.
  bool run(std::size_t rows, double row_ns, const Work& work);

 private:
  // Of the threads, and of what waking them costs: made once, and the same ever after. Nobody waits
  // for another who makes them, nor, in a forked child, for one who is no more.
  enum class Stage { kNone, kBeingMade, kMade };

  bool has_helpers();

  const std::size_t threads_;
  std::atomic<Stage> stage_ = Stage::kNone;
  std::unique_ptr<RowPool> pool_;
  base::Nanos wake_ns_ = 0;
};

}  // namespace penstock::model
