// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <thread>

#include "base/error.h"
#include "base/event_fd.h"
#include "engine/engine.h"

namespace penstock::engine {

// The graceful end of a server, on a thread of its own that never needs Python: a model may hold
// the interpreter's lock for minutes, and SIGTERM must work all the same.
//
//   begin() or a signal
//     unready                               load balancers send no more
//     for DrainOptions::delay_ns            still accepting
//     GOAWAY in two steps, calls in flight are answered
//     no connection left                    drained_fd() becomes readable
//   DrainOptions::exit_timeout_ns after the begin, or at a second signal, the process ends, whoever
//   still runs in it.
//
// Owned beside the engine by whoever runs the process; the engine must outlive it.
class Drain {
 public:
  static base::Result<std::unique_ptr<Drain>> open(Engine& engine);
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;
  ~Drain();  // the process is no longer ended; signals get their default action back

  // SIGTERM and SIGINT begin the drain. For one Drain of the process.
  void install_signal_handlers();
  // From any thread; a second time it does nothing.
  void begin();
  bool has_begun() const { return has_begun_.load(); }
  // Readable when the last connection is gone. Never read from it.
  int drained_fd() const { return drained_.fd(); }

 private:
  Drain(Engine& engine, base::EventFd requested, base::EventFd drained);
  void run();
  bool wait_for_begin();
  bool wait(base::Nanos until);
  void finish_calls(base::Nanos exit_ns);

  Engine& engine_;
  const base::EventFd requested_;  // signal handlers and begin() notify it
  const base::EventFd drained_;
  std::atomic<bool> has_begun_ = false;
  std::atomic<bool> is_closing_ = false;
  std::atomic<bool> is_drained_ = false;
  bool has_handlers_ = false;
  std::thread thread_;
};

}  // namespace penstock::engine
