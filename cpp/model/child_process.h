// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace penstock::model {

// How a process has come to its end.
struct ProcessEnd {
  bool by_signal = false;
  int number = 0;  // the signal's, or the exit status

  friend bool operator==(const ProcessEnd&, const ProcessEnd&) = default;
};

// "was killed by SIGSEGV (Segmentation fault)", "ended with exit status 3".
std::string text_of(const ProcessEnd& end);

// A child of this process, with whatever it starts in turn.
//
//  * Spawned by executing a program anew, never by a fork that would copy a process of many
//  threads.
//  * It inherits the descriptors it is given, as 3, 4, ..., and nothing else; standard input is
//    empty, standard output and error are this process's standard error.
//  * It is a process group of its own: a Ctrl-C at the server's terminal is not its business.
//  * It is a child of the thread that spawned it: PR_SET_PDEATHSIG of the child follows that one.
//
// Until the object is destroyed its pid is not given to another process, so every method but the
// destructor may be called by any thread.
class ChildProcess {
 public:
  static base::Result<std::unique_ptr<ChildProcess>> spawn(const std::vector<std::string>& command,
                                                           std::span<const int> fds);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();  // kills what is left of it and waits for its end

  pid_t pid() const { return pid_; }
  // Readable once it has ended.
  int end_fd() const { return end_.get(); }

  // SIGKILL is for its whole group, any other signal for itself.
  void signal(int number) const;
  // True: it has ended, at `deadline` at the latest. `wake_fd`, if any, ends the wait when
  // readable.
  bool wait_for_end(base::Nanos deadline, int wake_fd = -1) const;
  // Nothing while it lives.
  std::optional<ProcessEnd> end() const;
  // Its resident set, as ps shows it; 0 when it has ended.
  std::size_t resident_bytes() const;

 private:
  ChildProcess(pid_t pid, base::UniqueFd end, base::UniqueFd memory)
      : pid_(pid), end_(std::move(end)), memory_(std::move(memory)) {}

  const pid_t pid_;
  const base::UniqueFd end_;     // a pidfd
  const base::UniqueFd memory_;  // its /proc/PID/statm
};

}  // namespace penstock::model
