// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "base/channel.h"
#include "harness.h"

using penstock::base::Channel;

TEST(base_channel, values_come_out_in_the_order_they_went_in) {
  Channel<int> channel(8);
  channel.push(1);
  channel.push(2);
  channel.push(3);
  std::vector<int> values{99};
  channel.drain(values);
  EXPECT_EQ(values, (std::vector<int>{1, 2, 3}));
  channel.drain(values);
  EXPECT(values.empty());
}

TEST(base_channel, only_the_push_into_an_empty_channel_asks_for_a_wake) {
  Channel<int> channel(8);
  EXPECT(channel.push(1).needs_wake);
  EXPECT(!channel.push(2).needs_wake);
  std::vector<int> values;
  channel.drain(values);
  EXPECT(channel.push(3).needs_wake);
}

TEST(base_channel, a_full_channel_leaves_the_value_with_its_owner) {
  Channel<std::unique_ptr<int>> channel(1);
  EXPECT_EQ(channel.push(std::make_unique<int>(1)).taken, 1);
  auto refused = std::make_unique<int>(2);
  const auto pushed = channel.push(std::move(refused));
  EXPECT_EQ(pushed.taken, 0);
  EXPECT(!pushed.needs_wake);
  REQUIRE(refused != nullptr);
  EXPECT_EQ(*refused, 2);
}

TEST(base_channel, many_values_are_taken_as_far_as_there_is_room) {
  Channel<std::unique_ptr<int>> channel(2);
  std::vector<std::unique_ptr<int>> values;
  for (int i = 0; i < 3; ++i) values.push_back(std::make_unique<int>(i));
  const auto pushed = channel.push_all(values);
  EXPECT_EQ(pushed.taken, 2);
  EXPECT(pushed.needs_wake);
  EXPECT(values[0] == nullptr && values[1] == nullptr && values[2] != nullptr);
  EXPECT_EQ(channel.push_all({}).taken, 0);
}

TEST(base_channel, nothing_is_lost_or_doubled_between_threads) {
  constexpr int kSenders = 4;
  constexpr int kEach = 5'000;
  Channel<int> channel(64);
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&channel, sender] {
      for (int i = 0; i < kEach;) {
        if (channel.push(sender * kEach + i).taken == 1) {
          ++i;
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  std::vector<int> seen(kSenders * kEach, 0);
  std::vector<int> next(kSenders, 0);
  std::vector<int> values;
  int out_of_order = 0;
  for (int received = 0; received < kSenders * kEach; received += static_cast<int>(values.size())) {
    channel.drain(values);
    for (const int value : values) {
      ++seen[static_cast<std::size_t>(value)];
      out_of_order += next[static_cast<std::size_t>(value / kEach)]++ != value % kEach;
    }
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(out_of_order, 0);
  EXPECT(std::ranges::all_of(seen, [](int times) { return times == 1; }));
}
