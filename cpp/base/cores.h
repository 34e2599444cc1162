// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace penstock::base {

// Of `allowed` cores those that a control group's cpu.max lets a process use: "QUOTA PERIOD" in
// microseconds, or "max PERIOD". A quota of one and a half cores counts as two. Text that is
// neither bounds nothing. At least 1. Pure.
std::size_t cores_within(std::string_view cpu_max, std::size_t allowed);

// The cores that this process may use: its affinity, and its control group's quota.
std::size_t usable_cores();

}  // namespace penstock::base
