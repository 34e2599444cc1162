// SPDX-License-Identifier: Apache-2.0
#include "telemetry/batch_sizes.h"

#include <algorithm>

namespace penstock::telemetry {
namespace {

std::uint64_t not_negative(base::Nanos ns) { return static_cast<std::uint64_t>(ns < 0 ? 0 : ns); }

}  // namespace

BatchSizeCounts& BatchSizeCounts::operator+=(const BatchSizeCounts& more) {
  count += more.count;
  compute_input_ns += more.compute_input_ns;
  compute_infer_ns += more.compute_infer_ns;
  compute_output_ns += more.compute_output_ns;
  return *this;
}

BatchSizes::BatchSizes(std::int64_t rows_max)
    : slots_(static_cast<std::size_t>(
          std::clamp<std::int64_t>(rows_max, 1, static_cast<std::int64_t>(kBatchSizesMax)))),
      table_(std::make_unique<Slot[]>(slots_ + 1)) {}

BatchSizes::Slot& BatchSizes::slot_of(std::uint64_t rows) {
  std::size_t at = rows % slots_;
  for (std::size_t looked = 0; looked < slots_; ++looked) {
    Slot& slot = table_[at];
    const std::uint64_t found = slot.rows.value();
    if (found == rows) return slot;
    if (found == 0) {
      slot.rows.set(rows);
      return slot;
    }
    at = at + 1 == slots_ ? 0 : at + 1;
  }
  return table_[slots_];
}

void BatchSizes::record(const BatchTimes& batch) {
  Slot& slot = slot_of(std::max<std::uint64_t>(batch.rows, 1));
  slot.count.add(1);
  slot.compute_input_ns.add(not_negative(batch.compute_input_ns));
  slot.compute_infer_ns.add(not_negative(batch.compute_infer_ns));
  slot.compute_output_ns.add(not_negative(batch.compute_output_ns));
}

void BatchSizes::add_to(BatchSizeTable& sum) const {
  for (std::size_t i = 0; i <= slots_; ++i) {
    const Slot& slot = table_[i];
    const BatchSizeCounts counts{.count = slot.count.value(),
                                 .compute_input_ns = slot.compute_input_ns.value(),
                                 .compute_infer_ns = slot.compute_infer_ns.value(),
                                 .compute_output_ns = slot.compute_output_ns.value()};
    if (counts.count != 0) sum[i == slots_ ? kOtherBatchSizes : slot.rows.value()] += counts;
  }
}

}  // namespace penstock::telemetry
