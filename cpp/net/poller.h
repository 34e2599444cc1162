// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "base/error.h"
#include "base/event_fd.h"
#include "base/unique_fd.h"

namespace penstock::net {

// One thing that happened on a watched file descriptor.
struct Readiness {
  std::uint64_t token = 0;   // what watch() gave it
  bool is_readable = false;  // or, whether watched or not, in error: a read tells
  bool is_writable = false;
  bool is_broken = false;  // in error, or closed by both sides
};

// epoll, level-triggered, and a way for other threads to end a wait. Lives on an io thread; wake()
// is for any thread.
class Poller {
 public:
  static base::Result<Poller> open();

  // For something to read.
  base::Result<> watch(int fd, std::uint64_t token);
  void rewatch(int fd, std::uint64_t token, bool for_input, bool for_room_to_write);
  void unwatch(int fd);

  // Waits until something happens or `deadline` comes, which is `now` for no wait at all. Wakes
  // are not among what it returns.
  std::span<const Readiness> wait(base::Nanos now, base::Nanos deadline);
  void wake() const { wake_.notify(); }

 private:
  Poller(base::UniqueFd poll, base::EventFd wake)
      : poll_(std::move(poll)), wake_(std::move(wake)) {}

  base::UniqueFd poll_;
  base::EventFd wake_;
  static constexpr std::size_t kReadyMax = 64;
  std::array<Readiness, kReadyMax> ready_{};
};

}  // namespace penstock::net
