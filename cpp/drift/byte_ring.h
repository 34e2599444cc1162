// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace penstock::drift {

// Bytes, filled up to a multiple of 8.
constexpr std::size_t whole_words(std::size_t bytes) { return (bytes + 7) & ~std::size_t{7}; }

// As memcpy, which is called for no number of its own: many inputs have but one.
inline void copy_small(void* to, std::span<const std::byte> from) {
  switch (from.size()) {
    case 0: break;
    case 4: std::memcpy(to, from.data(), 4); break;
    case 8: std::memcpy(to, from.data(), 8); break;
    default: std::memcpy(to, from.data(), from.size());
  }
}

// A bounded line of records of bytes from one thread to one other, without a lock: neither waits
// for the other. A record lies in one piece, aligned to 8 bytes, until the consumer releases it.
//
//   producer: reserve() -> bytes are written -> commit(), or the next reserve() instead
//   consumer: next() -> record, ... -> release() all that it got
class ByteRing {
 public:
  // Of `capacity` bytes, a power of two, 8 of which each record has for itself.
  explicit ByteRing(std::size_t capacity);
  ByteRing(const ByteRing&) = delete;
  ByteRing& operator=(const ByteRing&) = delete;

  // On the producing thread. Null: there is no room for so many bytes, or there never is.
  std::byte* reserve(std::size_t bytes);
  void commit();
  // Whether the consumer has yet to release more than a half. Looks at its side only if it must.
  bool is_half_full();
  std::size_t capacity() const { return mask_ + 1; }
  // Of one record: there is room for it once the consumer has released all.
  std::size_t record_bytes_max() const { return capacity() / 2 - sizeof(Head); }

  // On the consuming thread. Empty: there is none.
  std::span<const std::byte> next();
  void release() { released_.store(read_, std::memory_order_release); }
  std::size_t unreleased() const { return read_ - released_.load(std::memory_order_relaxed); }

 private:
  struct Head {
    std::uint32_t bytes = 0;  // of the record, without what fills it up to 8
    std::uint32_t is_filler = 0;
  };
  static constexpr std::size_t kLine = 64;

  const std::size_t mask_;
  const std::unique_ptr<std::byte[]> bytes_;
  // Each side's own stand on cache lines of their own.
  alignas(kLine) std::atomic<std::size_t> pushed_ = 0;
  std::size_t reserved_ = 0;
  std::size_t released_seen_ = 0;
  alignas(kLine) std::atomic<std::size_t> released_ = 0;
  std::size_t read_ = 0;
  std::size_t pushed_seen_ = 0;
};

}  // namespace penstock::drift
