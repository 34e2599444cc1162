// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/monitor.h"

namespace penstock::base {

// An immutable value that is replaced as a whole, read by a fixed number of threads that must not
// pay for it: looking is two loads unless the value has changed since the last look.
//
// A reader holds what it saw until it looks again. So once every reader has looked, nobody holds
// the value before, and whoever published may take apart what only that one still named. A reader
// that may be away for long leaves before, so that nobody waits for it.
template <class T>
class Published {
 public:
  explicit Published(std::size_t readers) : seen_(readers) {}
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  // Returns the number of the new value.
  std::uint64_t publish(std::shared_ptr<const T> value) {
    auto current = current_.lock();
    current->value = std::move(value);
    latest_.store(++current->number, std::memory_order_release);
    return current->number;
  }

  std::shared_ptr<const T> latest() { return current_.lock()->value; }

  // For reader `index`, on its own thread: the newest value, good until the next look.
  const T& look(std::size_t index) {
    Seen& seen = seen_[index];
    const std::uint64_t number = seen.number.load(std::memory_order_relaxed);
    if (number != latest_.load(std::memory_order_acquire)) {
      // Back before the lock: whoever publishes after this look took it must wait for this reader,
      // and whoever published before is the one whose value it gets.
      if (number == kAway) seen.number.store(0, std::memory_order_relaxed);
      Current current = *current_.lock();
      // Let go before the number tells that this reader has: the last to hold a value takes it
      // apart, and that must be the publisher.
      seen.value = std::move(current.value);
      seen.number.store(current.number, std::memory_order_release);
    }
    return *seen.value;
  }

  // For reader `index`, on its own thread: it holds nothing until it looks again, and counts as one
  // that has seen everything.
  void leave(std::size_t index) {
    Seen& seen = seen_[index];
    seen.value.reset();
    seen.number.store(kAway, std::memory_order_release);
  }

  // The number of what reader `index` saw last, on its own thread.
  std::uint64_t seen(std::size_t index) const {
    return seen_[index].number.load(std::memory_order_relaxed);
  }

  // Whether every reader has looked since value `number` was published.
  bool is_seen_by_all(std::uint64_t number) const {
    for (const Seen& seen : seen_) {
      if (seen.number.load(std::memory_order_acquire) < number) return false;
    }
    return true;
  }

 private:
  static constexpr std::uint64_t kAway = ~std::uint64_t{0};

  struct alignas(64) Seen {
    std::atomic<std::uint64_t> number = 0;
    std::shared_ptr<const T> value;
  };

  struct Current {
    std::uint64_t number = 0;
    std::shared_ptr<const T> value;
  };

  Monitor<Current> current_;
  std::atomic<std::uint64_t> latest_ = 0;
  std::vector<Seen> seen_;
};

}  // namespace penstock::base
