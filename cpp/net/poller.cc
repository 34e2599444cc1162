// SPDX-License-Identifier: Apache-2.0
#include "net/poller.h"

#include <sys/epoll.h>

#include <cerrno>
#include <cstring>
#include <limits>

namespace penstock::net {
namespace {

constexpr std::uint64_t kWakeToken = std::numeric_limits<std::uint64_t>::max();

epoll_event interest(std::uint64_t token, bool for_input, bool for_room_to_write) {
  epoll_event event{};
  event.events = (for_input ? EPOLLIN : 0U) | (for_room_to_write ? EPOLLOUT : 0U);
  event.data.u64 = token;
  return event;
}

int milliseconds_until(base::Nanos now, base::Nanos deadline) {
  if (deadline == base::kNever) return -1;
  if (deadline <= now) return 0;
  // Rounded up: waking before the deadline would only mean waiting again.
  const base::Nanos wait = (deadline - now + base::kMillisecond - 1) / base::kMillisecond;
  return static_cast<int>(std::min<base::Nanos>(wait, std::numeric_limits<int>::max()));
}

}  // namespace

base::Result<Poller> Poller::open() {
  base::UniqueFd poll(epoll_create1(EPOLL_CLOEXEC));
  if (!poll) {
    return base::fail(base::Code::kResourceExhausted,
                      std::string("cannot make an event loop: ") + std::strerror(errno));
  }
  auto wake = base::EventFd::open();
  if (!wake) return std::unexpected(wake.error());
  Poller poller(std::move(poll), std::move(*wake));
  if (auto watched = poller.watch(poller.wake_.fd(), kWakeToken); !watched) {
    return std::unexpected(watched.error());
  }
  return poller;
}

base::Result<> Poller::watch(int fd, std::uint64_t token) {
  epoll_event event = interest(token, true, false);
  if (epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return base::fail(base::Code::kResourceExhausted,
                      std::string("cannot watch a socket: ") + std::strerror(errno));
  }
  return {};
}

void Poller::rewatch(int fd, std::uint64_t token, bool for_input, bool for_room_to_write) {
  epoll_event event = interest(token, for_input, for_room_to_write);
  epoll_ctl(poll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Poller::unwatch(int fd) { epoll_ctl(poll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

std::span<const Readiness> Poller::wait(base::Nanos now, base::Nanos deadline) {
  std::array<epoll_event, kReadyMax> events;
  const int count = epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()),
                               milliseconds_until(now, deadline));
  std::size_t found = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kWakeToken) {
      wake_.clear();
      continue;
    }
    const bool is_broken = (event.events & (EPOLLHUP | EPOLLERR)) != 0;
    ready_[found++] = {.token = event.data.u64,
                       .is_readable = is_broken || (event.events & EPOLLIN) != 0,
                       .is_writable = (event.events & EPOLLOUT) != 0,
                       .is_broken = is_broken};
  }
  return {ready_.data(), found};
}

}  // namespace penstock::net
