// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace penstock::telemetry {

// What one thread writes stands on cache lines of its own.
inline constexpr std::size_t kCacheLineBytes = 64;

// A number that exactly one thread writes and any thread may read. Adding is a load, an add and a
// store: no lock prefix, because nobody else writes.
class Counter {
 public:
  void add(std::uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace penstock::telemetry
