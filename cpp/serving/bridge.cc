// SPDX-License-Identifier: Apache-2.0
#include "serving/bridge.h"

#include <algorithm>

#include "base/check.h"

namespace penstock::serving {
namespace {

// Of one call at a time: its begin, its unread messages, its half-close, its end, and what can be
// told of bytes written before the control thread must have looked.
constexpr std::size_t kEventsPerCallMax = Bridge::kUnreadMessagesMax + 16;
// Commands that may wait for one io thread. The control thread holds the others back.
constexpr std::size_t kCommandsMax = std::size_t{1} << 16;

}  // namespace

base::Result<std::unique_ptr<Bridge>> Bridge::open(const Options& options,
                                                   std::function<void(std::size_t)> wake) {
  auto waiting = base::EventFd::open();
  if (!waiting) return std::unexpected(waiting.error());
  return std::unique_ptr<Bridge>(new Bridge(options, std::move(wake), std::move(*waiting)));
}

Bridge::Bridge(const Options& options, std::function<void(std::size_t)> wake, base::EventFd waiting)
    : options_(options),
      wake_(std::move(wake)),
      waiting_(std::move(waiting)),
      methods_(options.io_threads),
      events_(options.calls_max * kEventsPerCallMax) {
  methods_.publish(std::make_shared<HostedMethods>());
  for (std::size_t i = 0; i < options.io_threads; ++i) {
    commands_.push_back(std::make_unique<base::Channel<HostedCommand>>(kCommandsMax));
  }
}

bool Bridge::admit() {
  if (calls_.fetch_add(1, std::memory_order_relaxed) < options_.calls_max) return true;
  calls_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void Bridge::push(HostedEvent&& event) {
  const auto pushed = events_.push(std::move(event));
  PENSTOCK_CHECK(pushed.taken == 1);  // admit() and the bounds of each call see to it
  if (pushed.needs_wake) waiting_.notify();
}

void Bridge::host(HostedMethods methods) {
  methods_.publish(std::make_shared<HostedMethods>(std::move(methods)));
  // Somebody may watch the health of a service that has just come to be.
  for (std::size_t i = 0; i < options_.io_threads; ++i) wake_(i);
}

void Bridge::take(std::vector<HostedEvent>& events) {
  waiting_.clear();
  events_.drain(events);
  const auto ended = std::ranges::count(events, HostedEvent::Kind::kEnd, &HostedEvent::kind);
  calls_.fetch_sub(static_cast<std::size_t>(ended), std::memory_order_relaxed);
}

std::size_t Bridge::send(std::span<HostedCommand> commands) {
  std::size_t sent = 0;
  while (sent < commands.size()) {
    // A run for one io thread at a time: a call's own commands stay in order.
    const std::size_t io_thread = io_thread_of(commands[sent].call);
    std::size_t end = sent + 1;
    while (end < commands.size() && io_thread_of(commands[end].call) == io_thread) ++end;
    const auto pushed = commands_[io_thread]->push_all(commands.subspan(sent, end - sent));
    if (pushed.needs_wake) wake_(io_thread);
    sent += pushed.taken;
    if (sent < end) break;
  }
  return sent;
}

}  // namespace penstock::serving
