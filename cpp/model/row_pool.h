// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/monitor.h"

namespace penstock::model {

// Threads that help with one piece of work at a time. Who brings the work takes part in it and
// waits only for parts that a helper has begun: helpers that are late cost time and nothing else.
// Between two pieces they sleep, since cores that spin are lost to all other models. A process that
// was forked has no helpers, and what they share is left as the fork found it: perhaps locked.
class RowPool {
 public:
  // Does one part of a piece of work; called by several threads at once.
  using Work = std::function<void(std::size_t part)>;
  static constexpr base::Nanos kWakeMax = 10 * base::kMillisecond;

  explicit RowPool(std::size_t helpers);
  RowPool(const RowPool&) = delete;
  RowPool& operator=(const RowPool&) = delete;
  ~RowPool();

  // Calls `work` once for each number below `parts`, and returns when all are done. From any
  // thread; false, and nothing is done, if another is using the pool or the process was forked.
  // What a part throws is thrown here, once those that were begun are done; the others are left.
  bool run(std::size_t parts, const Work& work);

  // Those that work at a time, the caller's included.
  std::size_t threads() const { return threads_.size() + 1; }

  // From bringing work until all helpers are at it: the least of a few attempts, which take less
  // than twice kWakeMax together, however busy the cores are.
  base::Nanos measure_wake();

 private:
  struct State {
    const Work* work = nullptr;
    std::size_t parts = 0;
    std::size_t next = 0;                 // the first part that nobody has begun
    std::size_t running = 0;              // parts begun and not done
    std::exception_ptr thrown = nullptr;  // by a part, the last that did
    bool is_taken = false;
    bool is_ending = false;
  };
  using Held = base::Monitor<State>::Held;

  void help();
  static void take_parts(Held& state);

  const pid_t process_;  // that the threads are of
  std::unique_ptr<base::Monitor<State>> state_;
  std::vector<std::thread> threads_;
};

}  // namespace penstock::model
