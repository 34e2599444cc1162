// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "base/monitor.h"

namespace penstock::base {

// A bounded line of values from any thread to the one that drains it. Ownership moves with the
// value. The receiver sleeps elsewhere (in epoll, say), so whoever pushes into an empty channel is
// told to wake it; later pushes need no wake until it has drained.
template <class T>
class Channel {
 public:
  struct Pushed {
    std::size_t taken = 0;    // how many of the values the channel now owns
    bool needs_wake = false;  // it was empty before: the receiver may be asleep
  };

  // Holds at most `capacity` values, which must be positive.
  explicit Channel(std::size_t capacity) : capacity_(capacity) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // From any thread. When the channel is full, `taken` is 0 and `value` is left as it was.
  Pushed push(T&& value) { return push_all(std::span<T>(&value, 1)); }

  // Moves out of `values`, from its front, as many as there is room for.
  Pushed push_all(std::span<T> values) {
    auto waiting = waiting_.lock();
    const std::size_t taken = std::min(values.size(), capacity_ - waiting->size());
    const Pushed pushed{.taken = taken, .needs_wake = taken > 0 && waiting->empty()};
    const auto end = values.begin() + static_cast<std::ptrdiff_t>(taken);
    waiting->insert(waiting->end(), std::move_iterator(values.begin()), std::move_iterator(end));
    return pushed;
  }

  // On the receiving thread: replaces what is in `values` by all that waits, oldest first. Handing
  // in the same vector every time spares the allocations.
  void drain(std::vector<T>& values) {
    values.clear();
    std::swap(*waiting_.lock(), values);
  }

  std::size_t capacity() const { return capacity_; }

 private:
  const std::size_t capacity_;
  Monitor<std::vector<T>> waiting_;
};

}  // namespace penstock::base
