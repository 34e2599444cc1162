// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#include <signal.h>

#include "base/check.h"

namespace penstock::base {

// Threads inherit the mask of the one that starts them; signals are the control thread's. While it
// lives, threads are started that take none.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    PENSTOCK_CHECK(pthread_sigmask(SIG_SETMASK, &all, &before_) == 0);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace penstock::base
