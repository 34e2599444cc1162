// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/check.h"

namespace penstock::base {

// A bounded line of values from one thread to one other, without a lock: neither waits for the
// other, whichever of them the system stops, and wherever. A ring that is full takes nothing and
// says so; what it refuses stays with the producer.
//
// Tells nobody that there is something in it: whoever lets the consumer sleep sees to its waking.
template <class T>
class Ring {
 public:
  // Holds at most `capacity` values, which must be positive.
  explicit Ring(std::size_t capacity) : capacity_(capacity), slots_(std::bit_ceil(capacity)) {
    PENSTOCK_CHECK(capacity > 0);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // On the producing thread. False: it is full, and `value` is left as it was.
  bool push(T&& value) {
    const std::size_t pushed = pushed_.load(std::memory_order_relaxed);
    if (pushed - popped_seen_ == capacity_) {
      popped_seen_ = popped_.load(std::memory_order_acquire);
      if (pushed - popped_seen_ == capacity_) return false;
    }
    slots_[pushed & (slots_.size() - 1)] = std::move(value);
    pushed_.store(pushed + 1, std::memory_order_release);
    return true;
  }

  // On the consuming thread: the oldest value into `value`. False: it is empty. What has been
  // moved out stays in its slot, in the state that moving leaves.
  bool pop(T& value) {
    const std::size_t popped = popped_.load(std::memory_order_relaxed);
    if (popped == pushed_seen_) {
      pushed_seen_ = pushed_.load(std::memory_order_acquire);
      if (popped == pushed_seen_) return false;
    }
    value = std::move(slots_[popped & (slots_.size() - 1)]);
    popped_.store(popped + 1, std::memory_order_release);
    return true;
  }

  std::size_t capacity() const { return capacity_; }

 private:
  static constexpr std::size_t kCacheLineBytes = 64;

  // Each side's own count and what it last saw of the other's stand on a cache line of their own.
  const std::size_t capacity_;
  std::vector<T> slots_;
  alignas(kCacheLineBytes) std::atomic<std::size_t> pushed_ = 0;
  std::size_t popped_seen_ = 0;
  alignas(kCacheLineBytes) std::atomic<std::size_t> popped_ = 0;
  std::size_t pushed_seen_ = 0;
};

}  // namespace penstock::base
