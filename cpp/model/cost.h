// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/clock.h"
#include "model/executor.h"

namespace penstock::model {

// A native, thread-safe executor whose row costs less than this runs on the io threads.
inline constexpr base::Nanos kInlineRowCostMax = 20 * base::kMicrosecond;

// How long measuring may take; one run that takes longer is let finish.
inline constexpr base::Nanos kCostBudget = 50 * base::kMillisecond;

// Warms the executor up and measures what one row costs: the best of several short rounds of
// single-row runs on zeros, with every variable dimension 1 and every string empty. Nothing if the
// model refuses such inputs, in which case its cost is unknown. Called at load, on the thread that
// loads; the clock is an argument so that a test can hold it.
std::optional<base::Nanos> measure_row_cost(Executor& executor, base::Nanos budget = kCostBudget,
                                            base::Nanos (*now)() = &base::monotonic_now);

}  // namespace penstock::model
