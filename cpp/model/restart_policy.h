// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace penstock::model {

// How long a worker process that has died stays down.
struct RestartSettings {
  base::Nanos first_wait_ns = 100 * base::kMillisecond;
  base::Nanos wait_ns_max = 30 * base::kSecond;
  base::Nanos healthy_ns = 30 * base::kSecond;  // lived this long: earlier deaths are forgotten
};

// The back-off of one worker: a value, of which each death makes the next. Pure.
struct RestartBackoff {
  int deaths = 0;           // in a row
  base::Nanos wait_ns = 0;  // from the last of them to the next start

  // After a death of a worker that had served for `lived_ns`; 0: it never came up. Each death in a
  // row doubles the wait, up to the most.
  RestartBackoff after_death(base::Nanos lived_ns, const RestartSettings& settings) const {
    if (deaths == 0 || lived_ns >= settings.healthy_ns) return {1, settings.first_wait_ns};
    const base::Nanos doubled =
        wait_ns > settings.wait_ns_max / 2 ? settings.wait_ns_max : wait_ns * 2;
    return {deaths + 1, std::min(doubled, settings.wait_ns_max)};
  }

  friend bool operator==(const RestartBackoff&, const RestartBackoff&) = default;
};

}  // namespace penstock::model
