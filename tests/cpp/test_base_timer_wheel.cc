// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <list>
#include <memory>
#include <random>
#include <vector>

#include "base/timer_wheel.h"
#include "harness.h"

using namespace penstock;
using base::kMillisecond;
using base::kNever;
using base::kSecond;
using base::Nanos;
using base::Timer;
using base::TimerWheel;

namespace {

std::vector<std::uint32_t> fired_kinds(TimerWheel& wheel, Nanos now) {
  std::vector<std::uint32_t> kinds;
  wheel.advance(now, [&](Timer& timer) { kinds.push_back(timer.kind); });
  return kinds;
}

}  // namespace

TEST(base_timer_wheel, a_timer_fires_within_a_tick_after_its_deadline_and_never_before) {
  const Nanos start = 7 * kSecond + 123'456;
  for (const Nanos wait :
       {Nanos{1}, kMillisecond, 63 * kMillisecond, 64 * kMillisecond + 1, 65 * kMillisecond,
        4'096 * kMillisecond, 3'600 * kSecond, Nanos{10} * 365 * 86'400 * kSecond}) {
    TimerWheel wheel(start);
    Timer timer;
    wheel.schedule(timer, start + wait);
    EXPECT(timer.is_scheduled());
    EXPECT_EQ(timer.deadline_ns(), start + wait);
    EXPECT_EQ(fired_kinds(wheel, start + wait - 1).size(), 0u);
    EXPECT_EQ(fired_kinds(wheel, start + wait + TimerWheel::kTickNs).size(), 1u);
    EXPECT(!timer.is_scheduled());
  }
}

TEST(base_timer_wheel, an_empty_wheel_never_expires) {
  TimerWheel wheel(kSecond);
  EXPECT_EQ(wheel.next_expiry(kSecond), kNever);
  Timer timer;
  wheel.schedule(timer, kNever);
  EXPECT(!timer.is_scheduled());
  EXPECT_EQ(wheel.next_expiry(kSecond), kNever);
}

TEST(base_timer_wheel, a_deadline_in_the_past_fires_at_the_next_advance) {
  TimerWheel wheel(kSecond);
  Timer long_past(nullptr, 1);
  Timer negative(nullptr, 2);
  Timer now(nullptr, 3);
  wheel.schedule(long_past, 1);
  wheel.schedule(negative, -5);
  wheel.schedule(now, kSecond);
  EXPECT_EQ(wheel.next_expiry(kSecond), kSecond);
  EXPECT_EQ(fired_kinds(wheel, kSecond), (std::vector<std::uint32_t>{1, 2, 3}));
}

TEST(base_timer_wheel, a_cancelled_or_destroyed_timer_does_not_fire) {
  TimerWheel wheel(0);
  Timer cancelled;
  auto destroyed = std::make_unique<Timer>();
  wheel.schedule(cancelled, kSecond);
  wheel.schedule(*destroyed, kSecond);
  cancelled.cancel();
  cancelled.cancel();
  destroyed.reset();
  EXPECT_EQ(wheel.next_expiry(0), kNever);
  EXPECT_EQ(fired_kinds(wheel, 2 * kSecond).size(), 0u);
}

TEST(base_timer_wheel, rescheduling_replaces_the_deadline) {
  TimerWheel wheel(0);
  Timer timer;
  wheel.schedule(timer, kSecond);
  wheel.schedule(timer, 3 * kSecond);
  EXPECT_EQ(fired_kinds(wheel, 2 * kSecond).size(), 0u);
  wheel.schedule(timer, 2 * kSecond + kMillisecond);
  EXPECT_EQ(fired_kinds(wheel, 2 * kSecond + kMillisecond).size(), 1u);
}

TEST(base_timer_wheel, a_callback_may_reschedule_into_the_past_without_being_trapped) {
  TimerWheel wheel(0);
  Timer timer;
  wheel.schedule(timer, kMillisecond);
  int fired = 0;
  const auto again = [&](Timer& due) {
    ++fired;
    wheel.schedule(due, 0);
  };
  wheel.advance(10 * kMillisecond, again);
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(wheel.next_expiry(10 * kMillisecond), 10 * kMillisecond);
  wheel.advance(10 * kMillisecond, again);
  EXPECT_EQ(fired, 2);
}

TEST(base_timer_wheel, a_callback_may_reschedule_within_the_span_that_is_being_advanced) {
  TimerWheel wheel(0);
  Timer timer;
  wheel.schedule(timer, kMillisecond);
  int fired = 0;
  wheel.advance(10 * kMillisecond, [&](Timer& due) {
    ++fired;
    wheel.schedule(due, due.deadline_ns() + kMillisecond);
  });
  EXPECT_EQ(fired, 10);
  EXPECT(timer.is_scheduled());
}

TEST(base_timer_wheel, a_callback_may_destroy_other_timers_that_are_due_at_the_same_time) {
  TimerWheel wheel(0);
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 4; ++i) {
    wheel.schedule(*timers.emplace_back(std::make_unique<Timer>()), kMillisecond);
  }
  int fired = 0;
  wheel.advance(kMillisecond, [&](Timer&) {
    ++fired;
    timers.clear();
  });
  EXPECT_EQ(fired, 1);
}

TEST(base_timer_wheel, a_wheel_that_goes_first_leaves_its_timers_unscheduled) {
  Timer timer;
  {
    TimerWheel wheel(0);
    wheel.schedule(timer, kSecond);
  }
  EXPECT(!timer.is_scheduled());
}

TEST(base_timer_wheel, a_clock_that_steps_back_moves_nothing) {
  TimerWheel wheel(5 * kSecond);
  Timer timer;
  wheel.schedule(timer, 6 * kSecond);
  EXPECT_EQ(fired_kinds(wheel, kSecond).size(), 0u);
  EXPECT_EQ(fired_kinds(wheel, 6 * kSecond).size(), 1u);
}

TEST(base_timer_wheel, it_agrees_with_a_sorted_list_under_random_use) {
  struct Listed {
    Timer timer;
    bool is_expected = false;
  };
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    std::mt19937_64 random(seed);
    const auto pick = [&random](Nanos low, Nanos high) {
      return std::uniform_int_distribution<Nanos>(low, high)(random);
    };
    Nanos now = pick(0, 1'000'000 * kSecond);
    std::list<Listed> all(20);
    TimerWheel wheel(now);
    int wrong = 0;
    for (int step = 0; step < 500; ++step) {
      for (Listed& listed : all) {
        const Nanos choice = pick(0, 9);
        if (choice == 0) {
          const Nanos span = Nanos{1} << pick(0, 50);
          wheel.schedule(listed.timer, now + pick(-span / 4, span));
          listed.is_expected = true;
        } else if (choice == 1) {
          listed.timer.cancel();
          listed.is_expected = false;
        }
      }
      Nanos earliest = kNever;
      for (const Listed& listed : all) {
        if (listed.is_expected) earliest = std::min(earliest, listed.timer.deadline_ns());
      }
      const Nanos next = wheel.next_expiry(now);
      if (next < now || next > std::max(now, base::after(earliest, TimerWheel::kTickNs))) ++wrong;
      now = next == kNever || pick(0, 1) == 0 ? now + (Nanos{1} << pick(0, 45)) : next;
      const Nanos at = now;
      wheel.advance(now, [&](Timer& timer) {
        const auto it = std::ranges::find_if(
            all, [&](const Listed& listed) { return &listed.timer == &timer; });
        if (!it->is_expected || timer.deadline_ns() > at) ++wrong;
        it->is_expected = false;
      });
      for (const Listed& listed : all) {
        if (listed.is_expected != listed.timer.is_scheduled()) ++wrong;
        if (listed.is_expected && listed.timer.deadline_ns() <= now - TimerWheel::kTickNs) ++wrong;
      }
    }
    EXPECT_EQ(wrong, 0);
  }
}
