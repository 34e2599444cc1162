// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace penstock::base {

// A bounded set of 64-bit fingerprints that only grows. Any thread may add; none ever waits. Of
// threads that add the same fingerprint at once exactly one is told that it is new.
//
// Fingerprints are hashes: their low bits are as good as random. 0 is kept as another one, so one
// pair in 2^64 is not told apart.
class KeySet {
 public:
  enum class Seen : std::uint8_t { kNew, kBefore, kFull };

  // Takes 10 to 20 bytes per key from the start; keys_max is positive.
  explicit KeySet(std::size_t keys_max);
  KeySet(const KeySet&) = delete;
  KeySet& operator=(const KeySet&) = delete;

  // kFull: it was not seen before and there is no room for it. Threads that add the same last
  // fingerprint at once may make another thread hear so one fingerprint too early; never more than
  // keys_max are kept.
  Seen add(std::uint64_t key);
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  bool is_full() const { return size() >= keys_max_; }

 private:
  const std::size_t keys_max_;
  const std::size_t mask_;  // slots, a power of two, less one
  std::atomic<std::size_t> size_ = 0;
  std::unique_ptr<std::atomic<std::uint64_t>[]> slots_;  // 0: free
};

}  // namespace penstock::base
