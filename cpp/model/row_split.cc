// SPDX-License-Identifier: Apache-2.0
#include "model/row_split.h"

#include <algorithm>

#include "base/cores.h"

namespace penstock::model {
namespace {

// What waking is taken to cost before it is measured. Idle cores of virtual machines take longer.
constexpr base::Nanos kWakeGuess = 20 * base::kMicrosecond;

}  // namespace

std::size_t split_parts(std::size_t rows, const SplitCosts& costs) {
  const std::size_t units = (rows + kPartUnit - 1) / kPartUnit;
  const std::size_t threads = std::min(costs.threads, units);
  if (threads < 2) return 1;
  const double alone_ns = static_cast<double>(rows) * costs.row_ns;
  const double saved_ns = alone_ns - alone_ns / static_cast<double>(threads);
  if (saved_ns <= kSplitMargin * static_cast<double>(costs.wake_ns)) return 1;
  return std::min(units, threads * kPartsPerThread);
}

RowSplitter::RowSplitter(std::size_t threads)
    : threads_(threads == 0 ? std::min(base::usable_cores(), kSplitThreadsMax) : threads) {}

bool RowSplitter::may_split(std::size_t rows, double row_ns) const {
  return split_parts(rows, {.row_ns = row_ns, .wake_ns = kWakeGuess, .threads = threads_}) > 1;
}

bool RowSplitter::has_helpers() {
  if (stage_.load(std::memory_order_acquire) == Stage::kMade) return true;
  Stage none = Stage::kNone;
  if (!stage_.compare_exchange_strong(none, Stage::kBeingMade, std::memory_order_acquire)) {
    return none == Stage::kMade;
  }
  pool_ = std::make_unique<RowPool>(threads_ - 1);
  wake_ns_ = pool_->measure_wake();
  stage_.store(Stage::kMade, std::memory_order_release);
  return true;
}

bool RowSplitter::run(std::size_t rows, double row_ns, const Work& work) {
  if (!may_split(rows, row_ns) || !has_helpers()) return false;
  const std::size_t parts =
      split_parts(rows, {.row_ns = row_ns, .wake_ns = wake_ns_, .threads = pool_->threads()});
  if (parts < 2) return false;
  const std::size_t units = (rows + kPartUnit - 1) / kPartUnit;
  return pool_->run(parts, [&](std::size_t part) {
    const std::size_t begin = units * part / parts * kPartUnit;
    const std::size_t end = std::min(rows, units * (part + 1) / parts * kPartUnit);
    work(begin, end - begin);
  });
}

}  // namespace penstock::model
