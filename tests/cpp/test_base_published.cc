// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/published.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using base::Published;

// Tells how many of it there are.
struct Counted {
  explicit Counted(int number) : value(number) { ++alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --alive; }
  static inline std::atomic<int> alive{0};
  int value;
};

}  // namespace

TEST(base_published, a_reader_sees_the_newest_value_when_it_looks) {
  Published<int> published(1);
  EXPECT_EQ(published.publish(std::make_shared<int>(10)), 1);
  EXPECT_EQ(published.look(0), 10);
  EXPECT_EQ(published.publish(std::make_shared<int>(20)), 2);
  EXPECT_EQ(published.publish(std::make_shared<int>(30)), 3);
  EXPECT_EQ(published.look(0), 30);
  EXPECT_EQ(published.look(0), 30);
  EXPECT_EQ(*published.latest(), 30);
}

TEST(base_published, a_value_is_seen_by_all_when_the_last_reader_has_looked) {
  Published<int> published(3);
  const std::uint64_t number = published.publish(std::make_shared<int>(1));
  for (std::size_t reader = 0; reader < 3; ++reader) {
    EXPECT(!published.is_seen_by_all(number));
    published.look(reader);
  }
  EXPECT(published.is_seen_by_all(number));
  EXPECT(!published.is_seen_by_all(published.publish(std::make_shared<int>(2))));
  EXPECT(published.is_seen_by_all(number));
}

TEST(base_published, a_reader_that_skipped_values_has_seen_them_all) {
  Published<int> published(1);
  const std::uint64_t first = published.publish(std::make_shared<int>(1));
  const std::uint64_t second = published.publish(std::make_shared<int>(2));
  published.look(0);
  EXPECT(published.is_seen_by_all(first));
  EXPECT(published.is_seen_by_all(second));
}

TEST(base_published, nobody_holds_what_all_readers_have_looked_past) {
  Published<Counted> published(2);
  published.publish(std::make_shared<Counted>(1));
  published.look(0);
  published.look(1);
  published.publish(std::make_shared<Counted>(2));
  EXPECT_EQ(Counted::alive, 2);
  published.look(0);
  EXPECT_EQ(Counted::alive, 2);
  EXPECT_EQ(published.look(1).value, 2);
  EXPECT_EQ(Counted::alive, 1);
}

TEST(base_published, nobody_waits_for_a_reader_that_has_left) {
  Published<Counted> published(2);
  published.publish(std::make_shared<Counted>(1));
  published.look(0);
  published.look(1);
  published.leave(1);
  const std::uint64_t number = published.publish(std::make_shared<Counted>(2));
  published.look(0);
  EXPECT(published.is_seen_by_all(number));
  EXPECT_EQ(Counted::alive, 1);
  EXPECT_EQ(published.look(1).value, 2);
  EXPECT(!published.is_seen_by_all(published.publish(std::make_shared<Counted>(3))));
}

TEST(base_published, what_a_reader_came_back_to_is_there_until_it_leaves_again) {
  constexpr int kValues = 2000;
  Published<Counted> published(1);
  published.publish(std::make_shared<Counted>(0));
  published.leave(0);
  std::thread reader([&published] {
    for (int last = 0; last < kValues;) {
      last = published.look(0).value;  // gone already, if it was taken apart under this reader
      published.leave(0);
    }
  });
  for (int value = 1; value <= kValues; ++value) {
    const std::uint64_t number = published.publish(std::make_shared<Counted>(value));
    while (!published.is_seen_by_all(number)) std::this_thread::yield();
    if (Counted::alive != 1) std::abort();  // all before it are gone by then
  }
  reader.join();
}

TEST(base_published, readers_and_a_publisher_may_run_at_once) {
  constexpr int kValues = 2000;
  {
    Published<Counted> published(3);
    published.publish(std::make_shared<Counted>(0));
    std::vector<std::thread> readers;
    for (std::size_t reader = 0; reader < 3; ++reader) {
      readers.emplace_back([&published, reader] {
        for (int last = 0; last < kValues;) {
          const int value = published.look(reader).value;
          if (value < last) std::abort();  // never back
          last = value;
        }
      });
    }
    std::uint64_t number = 0;
    for (int value = 1; value <= kValues; ++value) {
      number = published.publish(std::make_shared<Counted>(value));
      if (value % 100 == 0) {
        while (!published.is_seen_by_all(number)) std::this_thread::yield();
        if (Counted::alive != 1) std::abort();  // all before it are gone by then
      }
    }
    for (std::thread& reader : readers) reader.join();
    EXPECT(published.is_seen_by_all(number));
  }
  EXPECT_EQ(Counted::alive, 0);
}

}  // namespace penstock::testing
