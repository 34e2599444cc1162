// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <thread>
#include <vector>

#include "base/monitor.h"
#include "harness.h"

using namespace penstock;
using base::Monitor;

TEST(base_monitor, its_value_is_changed_by_one_thread_at_a_time) {
  Monitor<int> counter(5);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&counter] {
      for (int n = 0; n < 10'000; ++n) ++*counter.lock();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(*counter.lock(), 40'005);
}

TEST(base_monitor, a_waiting_thread_sees_what_the_notifier_changed) {
  Monitor<int> turn;
  std::thread other([&turn] {
    auto held = turn.lock();
    while (*held != 1) held.wait();
    *held = 2;
    turn.notify_all();
  });
  {
    auto held = turn.lock();
    *held = 1;
    turn.notify_all();
    while (*held != 2) held.wait();
  }
  other.join();
  EXPECT_EQ(*turn.lock(), 2);
}

TEST(base_monitor, waiting_ends_at_the_deadline) {
  Monitor<int> monitor;
  auto held = monitor.lock();
  const base::Nanos deadline = base::monotonic_now() + base::kMillisecond;
  while (base::monotonic_now() < deadline) held.wait_until(deadline);
  held.wait_until(deadline);  // in the past: returns at once
  held.wait_until(0);
  EXPECT_LE(deadline, base::monotonic_now());
}

TEST(base_monitor, a_wait_without_a_deadline_ends_when_notified) {
  Monitor<bool> done;
  std::thread other([&done] {
    auto held = done.lock();
    while (!*held) held.wait_until(base::kNever);
  });
  *done.lock() = true;
  done.notify_one();
  other.join();
  EXPECT(*done.lock());
}

TEST(base_monitor, a_released_value_may_be_locked_by_others) {
  Monitor<std::unique_ptr<int>> monitor(std::make_unique<int>(1));
  auto held = monitor.lock();
  held.release();
  std::thread([&monitor] { **monitor.lock() = 2; }).join();
  held.acquire();
  EXPECT_EQ(**held, 2);
}
