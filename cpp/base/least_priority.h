// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

namespace penstock::base {

// Puts the calling thread behind all others: SCHED_IDLE, and no mere niceness. Whoever wakes takes
// the core from such a thread at once, where a nice one is let run to the end of its slice, and
// requests wait for a millisecond. The price is that on a core without an idle moment it gets some
// thousandths, and may stand still for long, wherever it is: it must share no lock with whoever
// answers.
inline void become_least() {
  const sched_param none{.sched_priority = 0};
  // Of this thread alone, on Linux. Nobody is refused to become less; and where one is, the thread
  // is only more in the way.
  sched_setscheduler(0, SCHED_IDLE, &none);
}

}  // namespace penstock::base
