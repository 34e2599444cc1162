// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/unique_fd.h"

namespace penstock::base {

// A file descriptor that a thread may sleep on and any other may make readable (eventfd).
class EventFd {
 public:
  static Result<EventFd> open();

  // From any thread, and from a signal handler.
  void notify() const;
  // On the thread that sleeps: no longer readable, until the next notify().
  void clear() const;
  int fd() const { return fd_.get(); }

 private:
  explicit EventFd(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace penstock::base
