// SPDX-License-Identifier: Apache-2.0
#include "drift/byte_ring.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace penstock::drift {
ByteRing::ByteRing(std::size_t capacity)
    : mask_(capacity - 1), bytes_(std::make_unique_for_overwrite<std::byte[]>(capacity)) {
  PENSTOCK_CHECK(std::has_single_bit(capacity) && capacity >= 64 &&
                 capacity <= std::size_t{1} << 31);
}

std::byte* ByteRing::reserve(std::size_t bytes) {
  if (bytes > record_bytes_max()) return nullptr;
  const std::size_t pushed = pushed_.load(std::memory_order_relaxed);
  const std::size_t whole = sizeof(Head) + whole_words(bytes);
  const std::size_t at = pushed & mask_;
  const std::size_t to_end = capacity() - at;
  const std::size_t filler = to_end < whole ? to_end : 0;
  const auto has_room = [&] { return filler + whole <= capacity() - (pushed - released_seen_); };
  if (!has_room()) {
    released_seen_ = released_.load(std::memory_order_acquire);
    if (!has_room()) return nullptr;
  }
  if (filler > 0) {
    const Head head{.bytes = static_cast<std::uint32_t>(filler - sizeof(Head)), .is_filler = 1};
    std::memcpy(&bytes_[at], &head, sizeof head);
  }
  const std::size_t start = filler > 0 ? 0 : at;
  const Head head{.bytes = static_cast<std::uint32_t>(bytes), .is_filler = 0};
  std::memcpy(&bytes_[start], &head, sizeof head);
  reserved_ = pushed + filler + whole;
  return &bytes_[start + sizeof head];
}

void ByteRing::commit() { pushed_.store(reserved_, std::memory_order_release); }

bool ByteRing::is_half_full() {
  const std::size_t pushed = pushed_.load(std::memory_order_relaxed);
  const auto is_so = [&] { return pushed - released_seen_ > capacity() / 2; };
  if (!is_so()) return false;
  released_seen_ = released_.load(std::memory_order_acquire);
  return is_so();
}

std::span<const std::byte> ByteRing::next() {
  while (true) {
    if (read_ == pushed_seen_) {
      pushed_seen_ = pushed_.load(std::memory_order_acquire);
      if (read_ == pushed_seen_) return {};
    }
    Head head;
    const std::size_t at = read_ & mask_;
    std::memcpy(&head, &bytes_[at], sizeof head);
    read_ += sizeof head + whole_words(head.bytes);
    if (head.is_filler == 0) return {&bytes_[at + sizeof head], head.bytes};
  }
}

}  // namespace penstock::drift
