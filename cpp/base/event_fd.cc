// SPDX-License-Identifier: Apache-2.0
#include "base/event_fd.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace penstock::base {

Result<EventFd> EventFd::open() {
  UniqueFd fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!fd) {
    return fail(Code::kResourceExhausted,
                std::string("cannot make an eventfd: ") + std::strerror(errno));
  }
  return EventFd(std::move(fd));
}

void EventFd::notify() const {
  const std::uint64_t one = 1;
  // It fails only when the count is full, and then it is readable all the same.
  [[maybe_unused]] const ssize_t put = ::write(fd_.get(), &one, sizeof one);
}

void EventFd::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd_.get(), &count, sizeof count);
}

}  // namespace penstock::base
