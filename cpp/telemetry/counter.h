// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace penstock::telemetry {

// What one thread writes stands on cache lines of its own.
inline constexpr std::size_t kCacheLineBytes = 64;

// A number that exactly one thread writes and any thread may read. Adding is a load, an add and a
// store: no lock prefix, because nobody else writes.
template <std::integral T>
class SingleWriter {
 public:
  void add(T amount) {
    value_.store(static_cast<T>(value_.load(std::memory_order_relaxed) + amount),
                 std::memory_order_relaxed);
  }
  void set(T value) { value_.store(value, std::memory_order_relaxed); }
  T value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<T> value_{0};
};

using Counter = SingleWriter<std::uint64_t>;
// One thread's share of a number that falls as well as rises. A share may be negative (one thread
// puts into a queue, another takes out); only the sum over all threads means something.
using GaugeShare = SingleWriter<std::int64_t>;

}  // namespace penstock::telemetry
