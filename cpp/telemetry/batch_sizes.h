// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "base/clock.h"
#include "telemetry/counter.h"

namespace penstock::telemetry {

// Where the time of one executed batch went.
struct BatchTimes {
  std::uint64_t rows = 0;
  base::Nanos compute_input_ns = 0;   // gather
  base::Nanos compute_infer_ns = 0;   // the executor
  base::Nanos compute_output_ns = 0;  // scatter
};

// The executions of one batch size, summed. Durations in nanoseconds.
struct BatchSizeCounts {
  std::uint64_t count = 0;
  std::uint64_t compute_input_ns = 0;
  std::uint64_t compute_infer_ns = 0;
  std::uint64_t compute_output_ns = 0;

  BatchSizeCounts& operator+=(const BatchSizeCounts& more);
  friend bool operator==(const BatchSizeCounts&, const BatchSizeCounts&) = default;
};

// From a batch's rows to its executions.
using BatchSizeTable = std::map<std::uint64_t, BatchSizeCounts>;

// More sizes than these are not told apart, however many rows a model takes.
inline constexpr std::size_t kBatchSizesMax = 1024;
// The size under which those that came later are counted together. No batch has it.
inline constexpr std::uint64_t kOtherBatchSizes = 0;

// Executions by exact batch size, in a table of bounded size: a size is looked for from the slot
// `size % slots` on. Up to kBatchSizesMax rows every size has a slot of its own and is found at
// once; a model that takes more has kBatchSizesMax slots, given to the sizes that come first.
// Written by one thread, read by any; a reader may see a batch's count before its times.
class BatchSizes {
 public:
  // Of a model that takes at most `rows_max` rows; 0: no batch dimension, so all batches are of 1.
  explicit BatchSizes(std::int64_t rows_max);

  void record(const BatchTimes& batch);
  // Adds these executions to `sum`.
  void add_to(BatchSizeTable& sum) const;
  std::size_t slots() const { return slots_; }

 private:
  struct Slot {
    Counter rows;  // 0: free
    Counter count;
    Counter compute_input_ns;
    Counter compute_infer_ns;
    Counter compute_output_ns;
  };
  Slot& slot_of(std::uint64_t rows);

  std::size_t slots_;
  std::unique_ptr<Slot[]> table_;  // one more than slots_: the last is kOtherBatchSizes'
};

}  // namespace penstock::telemetry
