// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using base::Buffer;

constexpr std::size_t kMiB = std::size_t{1} << 20;

bool is_aligned(const Buffer& buffer) {
  return reinterpret_cast<std::uintptr_t>(buffer.data()) % base::kTensorAlignment == 0;
}

// Around every size at which what is behind a Buffer changes.
std::vector<std::size_t> interesting_sizes() {
  std::vector<std::size_t> sizes = {1, 2, 7};
  for (std::size_t power = 16; power <= 8 * kMiB; power *= 2) {
    for (std::size_t quarters = 4; quarters < 8; ++quarters) {
      const std::size_t border = power / 4 * quarters;
      for (const std::size_t head : {std::size_t{0}, base::kTensorAlignment}) {
        if (border <= head + 1) continue;
        for (std::size_t size = border - head - 1; size <= border - head + 1; ++size) {
          sizes.push_back(size);
        }
      }
    }
  }
  return sizes;
}

}  // namespace

TEST(base_buffer, an_empty_buffer_has_no_bytes) {
  for (const Buffer& buffer : {Buffer(), Buffer::allocate(0), Buffer::try_allocate(0)}) {
    EXPECT(!buffer);
    EXPECT(buffer.data() == nullptr);
    EXPECT_EQ(buffer.size(), 0);
    EXPECT(buffer.bytes().empty());
  }
}

TEST(base_buffer, every_size_is_aligned_and_writable_from_end_to_end) {
  std::vector<Buffer> kept;  // so that no two share a block
  for (const std::size_t size : interesting_sizes()) {
    const Buffer buffer = Buffer::allocate(size);
    REQUIRE(buffer.size() == size);
    EXPECT(is_aligned(buffer));
    std::memset(buffer.data(), 0x5a, size);
    if (size < 100'000) kept.push_back(buffer);
  }
  for (const Buffer& buffer : kept) {
    REQUIRE(std::ranges::all_of(buffer.bytes(), [](std::byte b) { return b == std::byte{0x5a}; }));
  }
}

TEST(base_buffer, a_block_taken_again_for_a_larger_size_is_large_enough) {
  // Freed at one size and taken at another: AddressSanitizer sees a class that is too small.
  std::minstd_rand random(7);
  std::vector<std::size_t> sizes = interesting_sizes();
  std::shuffle(sizes.begin(), sizes.end(), random);
  for (const std::size_t size : sizes) {
    const Buffer buffer = Buffer::allocate(size);
    std::memset(buffer.data(), 1, size);
  }
  for (int i = 0; i < 3000; ++i) {
    const std::size_t size = std::uniform_int_distribution<std::size_t>(1, 300'000)(random);
    const Buffer buffer = Buffer::allocate(size);
    REQUIRE(buffer.size() == size && is_aligned(buffer));
    buffer.bytes().front() = buffer.bytes().back() = std::byte{1};
  }
}

TEST(base_buffer, copies_share_the_bytes_and_moves_hand_them_over) {
  Buffer first = Buffer::allocate(100);
  Buffer second = first;
  EXPECT(second.data() == first.data());
  Buffer third = std::move(first);
  EXPECT(!first);  // NOLINT: what is left behind is part of the contract
  EXPECT(third.data() == second.data());
  third.reset();
  third.reset();
  second.bytes().front() = std::byte{9};
  second = *&second;
  EXPECT(second.bytes().front() == std::byte{9});
  second = Buffer();
  EXPECT(!second);
}

TEST(base_buffer, a_large_block_is_kept_for_the_next_of_its_class) {
  Buffer::trim_pool();
  const std::byte* const at = Buffer::allocate(kMiB).data();
  EXPECT(Buffer::allocate(kMiB + 1000).data() == at);
  EXPECT(Buffer::allocate(kMiB).data() == at);
  const std::size_t kept = Buffer::trim_pool();
  EXPECT_LE(kMiB, kept);
  EXPECT_LE(kept, kMiB + kMiB / 4 + 1024);
  EXPECT_EQ(Buffer::trim_pool(), 0);
}

TEST(base_buffer, a_block_in_use_is_in_no_pool) {
  Buffer::trim_pool();
  Buffer one = Buffer::allocate(kMiB);
  const Buffer copy = one;
  one.reset();
  EXPECT_EQ(Buffer::trim_pool(), 0);
  EXPECT(Buffer::allocate(kMiB).data() != copy.data());
}

TEST(base_buffer, the_pool_keeps_no_more_than_its_bound) {
  Buffer::trim_pool();
  {
    std::vector<Buffer> many;
    for (std::size_t bytes = 0; bytes < Buffer::kPoolBytesMax * 5 / 4; bytes += 16 * kMiB) {
      many.push_back(Buffer::allocate(16 * kMiB));  // never touched, so it costs no memory
    }
  }
  const std::size_t kept = Buffer::trim_pool();
  EXPECT_LE(kept, Buffer::kPoolBytesMax);
  EXPECT_LE(Buffer::kPoolBytesMax - 21 * kMiB, kept);
}

TEST(base_buffer, what_cannot_be_had_is_an_empty_buffer) {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  for (const std::size_t size : {kMost, kMost - 1, kMost - 64, kMost - 200, kMost / 2 + 1}) {
    EXPECT(!Buffer::try_allocate(size));
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(base_buffer, what_is_kept_for_reuse_is_given_up_before_a_block_is_refused) {
  constexpr std::size_t kLarge = 128 * kMiB;
  Buffer::trim_pool();
  Buffer::allocate(kLarge);  // and let go: it is kept
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
  rlimit lowered = before;
  lowered.rlim_cur = pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) + kLarge / 2;
  REQUIRE(setrlimit(RLIMIT_AS, &lowered) == 0);
  const Buffer larger = Buffer::try_allocate(kLarge * 5 / 4);
  const Buffer more = Buffer::try_allocate(kLarge);
  REQUIRE(setrlimit(RLIMIT_AS, &before) == 0);
  EXPECT(larger);
  EXPECT(!more);
}
#endif

TEST(base_buffer, references_may_be_copied_and_dropped_on_any_thread) {
  for (const std::size_t size : {std::size_t{200}, kMiB}) {
    Buffer::trim_pool();
    {
      const Buffer buffer = Buffer::allocate(size);
      std::ranges::fill(buffer.bytes(), std::byte{3});
      std::vector<std::thread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([buffer] {
          for (int turn = 0; turn < 2000; ++turn) {
            const Buffer copy = buffer;
            const std::vector<Buffer> more(5, copy);
            if (more.back().bytes().back() != std::byte{3}) std::abort();
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
      EXPECT_EQ(Buffer::trim_pool(), 0);
    }
    EXPECT_EQ(Buffer::trim_pool() > 0, size == kMiB);
  }
}

TEST(base_buffer, blocks_wander_from_thread_to_thread) {
  // Made on one thread, dropped on another, which ends before the first does.
  for (int round = 0; round < 20; ++round) {
    std::vector<Buffer> made;
    for (std::size_t size = 1; size < 200'000; size = size * 3 / 2 + 1) {
      made.push_back(Buffer::allocate(size));
      made.back().bytes().front() = std::byte{7};
    }
    std::vector<Buffer> others;
    std::thread thread([&] {
      made.clear();
      for (std::size_t size = 1; size < 200'000; size = size * 3 / 2 + 1) {
        others.push_back(Buffer::allocate(size));
        others.back().bytes().back() = std::byte{8};
      }
    });
    thread.join();
    for (const Buffer& buffer : others) EXPECT(buffer.bytes().back() == std::byte{8});
  }
}

TEST(base_buffer, threads_that_take_and_give_back_at_once_never_share_a_block) {
  std::vector<std::thread> threads;
  for (unsigned id = 1; id <= 4; ++id) {
    threads.emplace_back([id] {
      std::minstd_rand random(id);
      std::vector<Buffer> held(16);
      for (int turn = 0; turn < 3000; ++turn) {
        Buffer& place = held[random() % held.size()];
        if (place && place.bytes().front() != std::byte(id)) std::abort();
        if (place && place.bytes().back() != std::byte(id)) std::abort();
        place = Buffer::allocate(1 + random() % 200'000);
        place.bytes().front() = place.bytes().back() = std::byte(id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace penstock::testing
