// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <atomic>
#include <cstdint>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "base/key_set.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using base::KeySet;
using Seen = KeySet::Seen;

constexpr std::size_t kThreads = 4;

// What each of kThreads threads was told of each of `keys`, by how often.
struct Told {
  std::atomic<int> news = 0;
  std::atomic<int> befores = 0;
  std::atomic<int> fulls = 0;
};

std::vector<Told> add_at_once(KeySet& set, const std::vector<std::uint64_t>& keys) {
  std::vector<Told> told(keys.size());
  std::atomic<std::size_t> ready = 0;
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      ++ready;
      while (ready < kThreads) std::this_thread::yield();
      for (std::size_t i = 0; i < keys.size(); ++i) {
        switch (set.add(keys[i])) {
          case Seen::kNew: ++told[i].news; break;
          case Seen::kBefore: ++told[i].befores; break;
          case Seen::kFull: ++told[i].fulls; break;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return told;
}

std::vector<std::uint64_t> random_keys(std::size_t count) {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> keys(count);
  for (std::uint64_t& key : keys) key = random();
  return keys;
}

}  // namespace

TEST(base_key_set, a_key_is_new_once) {
  KeySet set(100);
  EXPECT(set.add(5) == Seen::kNew);
  EXPECT(set.add(5) == Seen::kBefore);
  EXPECT(set.add(6) == Seen::kNew);
  EXPECT_EQ(set.size(), 2);
}

TEST(base_key_set, zero_is_a_key_like_others) {
  KeySet set(100);
  EXPECT(set.add(0) == Seen::kNew);
  EXPECT(set.add(0) == Seen::kBefore);
}

TEST(base_key_set, it_tells_what_a_set_of_the_library_tells) {
  std::mt19937_64 random(2);
  KeySet set(5000);
  std::set<std::uint64_t> reference;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t key = random() % 4000;  // neighbours: many share the way to a free slot
    EXPECT((set.add(key) == Seen::kNew) == reference.insert(key).second);
  }
  EXPECT_EQ(set.size(), reference.size());
}

TEST(base_key_set, a_full_set_takes_no_new_key_and_knows_the_old_ones) {
  for (const std::size_t keys_max : {1U, 3U, 4U, 64U, 1000U}) {
    KeySet set(keys_max);
    for (std::uint64_t key = 1; key <= keys_max; ++key) EXPECT(set.add(key) == Seen::kNew);
    EXPECT(set.is_full());
    EXPECT(set.add(keys_max + 1) == Seen::kFull);
    for (std::uint64_t key = 1; key <= keys_max; ++key) EXPECT(set.add(key) == Seen::kBefore);
    EXPECT_EQ(set.size(), keys_max);
  }
}

TEST(base_key_set, of_threads_that_add_a_key_at_once_one_is_told_that_it_is_new) {
  const auto keys = random_keys(20'000);
  KeySet set(keys.size() + kThreads);
  for (const Told& told : add_at_once(set, keys)) {
    EXPECT_EQ(told.news.load(), 1);
    EXPECT_EQ(told.befores.load(), kThreads - 1);
  }
  EXPECT_EQ(set.size(), keys.size());
}

TEST(base_key_set, threads_keep_its_bound) {
  const auto keys = random_keys(2000);
  KeySet set(1000);
  std::size_t news = 0;
  for (const Told& told : add_at_once(set, keys)) {
    EXPECT_LE(told.news.load(), 1);
    news += static_cast<std::size_t>(told.news.load());
  }
  EXPECT_EQ(set.size(), news);
  EXPECT_LE(news, 1000);
  EXPECT_LE(1000 - kThreads, news);
}

}  // namespace penstock::testing
