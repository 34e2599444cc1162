// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "drift/byte_ring.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using drift::ByteRing;

// Bytes that follow from the number of their record.
bool push(ByteRing& ring, std::uint32_t number, std::size_t bytes) {
  std::byte* const at = ring.reserve(bytes);
  if (at == nullptr) return false;
  for (std::size_t i = 0; i < bytes; ++i) at[i] = static_cast<std::byte>(number + i);
  ring.commit();
  return true;
}

bool is_record(std::span<const std::byte> record, std::uint32_t number, std::size_t bytes) {
  if (record.size() != bytes) return false;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (record[i] != static_cast<std::byte>(number + i)) return false;
  }
  return reinterpret_cast<std::uintptr_t>(record.data()) % 8 == 0;
}

}  // namespace

TEST(drift_byte_ring, gives_records_back_in_order_and_in_one_piece) {
  ByteRing ring(1024);
  std::mt19937 random(1);
  std::vector<std::size_t> waiting;
  std::uint32_t pushed = 0;
  std::uint32_t popped = 0;
  for (int turn = 0; turn < 5000; ++turn) {
    const std::size_t bytes = 1 + random() % 200;
    if (push(ring, pushed, bytes)) {
      waiting.push_back(bytes);
      ++pushed;
    } else {
      for (const std::size_t wanted : waiting) EXPECT(is_record(ring.next(), popped++, wanted));
      EXPECT(ring.next().empty());
      ring.release();
      waiting.clear();
    }
  }
  EXPECT(popped > 1000);
}

TEST(drift_byte_ring, what_is_read_is_not_overwritten_before_it_is_released) {
  ByteRing ring(256);
  EXPECT(push(ring, 1, 100));
  EXPECT(push(ring, 2, 100));
  const auto first = ring.next();
  EXPECT(!push(ring, 3, 100));
  EXPECT(is_record(first, 1, 100));
  ring.release();
  EXPECT(push(ring, 3, 80));
}

TEST(drift_byte_ring, refuses_what_never_fits_and_forgets_what_is_not_committed) {
  ByteRing ring(256);
  EXPECT(ring.reserve(ring.record_bytes_max() + 1) == nullptr);
  EXPECT(ring.reserve(ring.record_bytes_max()) != nullptr);
  EXPECT(ring.next().empty());
  EXPECT(push(ring, 5, 8));
  EXPECT(is_record(ring.next(), 5, 8));
  // Wherever the ring stands, a record of the greatest size has room when it is empty.
  for (int i = 0; i < 100; ++i) {
    while (!ring.next().empty()) {
    }
    ring.release();
    EXPECT(push(ring, 9, ring.record_bytes_max()));
    while (!ring.next().empty()) {
    }
    ring.release();
    EXPECT(push(ring, 9, 8 * (static_cast<std::size_t>(i) % 9 + 1)));
  }
}

TEST(drift_byte_ring, is_half_full_until_that_is_released) {
  ByteRing ring(1024);
  for (int turn = 0; turn < 10; ++turn) {
    for (int i = 0; i < 5; ++i) {
      EXPECT(!ring.is_half_full());
      EXPECT(push(ring, 0, 100));
    }
    EXPECT(ring.is_half_full());
    while (!ring.next().empty()) {
    }
    EXPECT(ring.is_half_full());
    ring.release();
  }
}

TEST(drift_byte_ring, carries_records_from_one_thread_to_another) {
  constexpr std::uint32_t kRecords = 50'000;
  ByteRing ring(4096);
  std::thread producer([&] {
    for (std::uint32_t i = 0; i < kRecords; ++i) {
      while (!push(ring, i, 1 + i % 333)) std::this_thread::yield();
    }
  });
  std::uint32_t wrong = 0;
  for (std::uint32_t i = 0; i < kRecords;) {
    const auto record = ring.next();
    if (record.empty()) {
      ring.release();
      std::this_thread::yield();
      continue;
    }
    if (!is_record(record, i, 1 + i % 333)) ++wrong;
    if (++i % 5 == 0) ring.release();
  }
  producer.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace penstock::testing
