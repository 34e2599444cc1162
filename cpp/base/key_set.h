// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace penstock::base {

// A bounded set of 64-bit fingerprints that only grows. Any thread may add; none ever waits. Of
// threads that add the same fingerprint at once exactly one is told that it is new.
class KeySet {
 public:
  enum class Seen : std::uint8_t { kNew, kBefore, kFull };

  // Takes 8 to 16 bytes per key from the start; keys_max is positive.
  explicit KeySet(std::size_t keys_max);
  KeySet(const KeySet&) = delete;
  KeySet& operator=(const KeySet&) = delete;

  // kFull: it was not seen before and there is no room for it.
  Seen add(std::uint64_t key);
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  bool is_full() const { return size() >= keys_max_; }

 private:
  const std::size_t keys_max_;
  std::size_t mask_ = 0;
  std::atomic<std::size_t> size_ = 0;
  std::unique_ptr<std::atomic<std::uint64_t>[]> slots_;  // 0: free
};

}  // namespace penstock::base
