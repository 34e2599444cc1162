// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "drift/fingerprint.h"
#include "drift/plan.h"
#include "drift/record.h"

namespace penstock::drift {

// Of a request whose record would have more than `bytes_max`: as many rows in one run as fit,
// about. Each row of the request is as likely as another to be among them, so that no order of rows
// tells in the counts; of texts, short ones are a little more so.
//
// `tensors` are the plan's, `views` is memory for what is returned. Nothing: not one row fits, or
// the tensors have no whole rows. Of fixed sizes it looks at no element, of texts at each one up to
// the end of the run.
std::optional<Rows> cut_rows(const Rows& rows, std::span<const PlannedTensor> tensors,
                             std::size_t bytes_max, Chance& chance,
                             std::vector<std::span<const std::byte>>& views);

}  // namespace penstock::drift
