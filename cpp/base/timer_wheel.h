// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/check.h"
#include "base/clock.h"

namespace penstock::base {

class TimerWheel;

// A link of a circular list; linked to itself when it is in none.
struct TimerLink {
  TimerLink() = default;
  TimerLink(const TimerLink&) = delete;
  TimerLink& operator=(const TimerLink&) = delete;

  bool is_alone() const { return next == this; }
  void unlink() {
    previous->next = next;
    next->previous = previous;
    previous = next = this;
  }
  void append(TimerLink& link) {  // as the last of the list that this is the head of
    link.previous = previous;
    link.next = this;
    previous->next = &link;
    previous = &link;
  }

  TimerLink* previous = this;
  TimerLink* next = this;
};

// One alarm, a field of what it wakes. `owner` and `kind` are the owner's own, for telling in the
// wheel's callback who is meant and why. A timer that is destroyed no longer fires.
class Timer : private TimerLink {
 public:
  explicit Timer(void* timer_owner = nullptr, std::uint32_t timer_kind = 0)
      : owner(timer_owner), kind(timer_kind) {}
  ~Timer() { cancel(); }

  void cancel() { unlink(); }
  bool is_scheduled() const { return !is_alone(); }
  Nanos deadline_ns() const { return deadline_ns_; }  // meaningful while it is scheduled

  void* owner = nullptr;
  std::uint32_t kind = 0;

 private:
  friend class TimerWheel;
  Nanos deadline_ns_ = kNever;
};

// Many timers, each O(1) to schedule and to cancel, none of which costs an allocation. Time is cut
// into ticks of kTickNs; a timer fires never before its deadline and, if advance() is called at
// every next_expiry(), less than a tick after it.
//
// Eight levels of 64 slots: a timer lies at the level of the highest six-bit digit in which its
// tick differs from the wheel's, in the slot of that digit. When the wheel's tick reaches a slot
// of a higher level, the timers in it move down. So every slot in use lies after the wheel's own
// digit of that level, and the first one of the lowest level in use comes next.
//
// Lives on one io thread.
class TimerWheel {
 public:
  static constexpr Nanos kTickNs = kMillisecond;

  explicit TimerWheel(Nanos now) : tick_(tick_of(now)) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();  // timers still scheduled are cancelled

  // (Re)schedules `timer`. A deadline in the past fires at the next advance(), kNever never.
  void schedule(Timer& timer, Nanos deadline_ns);

  // Calls `fire(Timer&)` for every timer whose deadline has passed. It is no longer scheduled when
  // `fire` sees it. `fire` may schedule, cancel and destroy any timer, this one too; what it
  // schedules into the past fires at the next advance().
  template <class Fire>
  void advance(Nanos now, Fire&& fire) {
    PENSTOCK_CHECK(firing_.is_alone());
    const std::uint64_t target = tick_of(now);
    move_all(overdue_, firing_);
    do {
      while (!firing_.is_alone()) {
        Timer& timer = static_cast<Timer&>(*firing_.next);
        timer.cancel();
        fire(timer);
      }
    } while (turn(target));
  }

  // When advance() is to be called next: kNever if nothing is scheduled, at least `now`. Earlier
  // than any timer at times, later than the first due tick never.
  Nanos next_expiry(Nanos now);

 private:
  static constexpr std::size_t kDigitBits = 6;
  static constexpr std::size_t kSlots = std::size_t{1} << kDigitBits;
  static constexpr std::size_t kLevels = 8;
  static_assert(static_cast<std::uint64_t>(kNever / kTickNs) < (1ULL << (kLevels * kDigitBits)));

  struct Slot {
    std::size_t level = 0;
    std::size_t index = 0;
    std::uint64_t tick = 0;  // the first that it stands for
  };

  static std::uint64_t tick_of(Nanos now) {
    return now <= 0 ? 0 : static_cast<std::uint64_t>(now / kTickNs);
  }
  static void move_all(TimerLink& from, TimerLink& to);

  void place(Timer& timer, std::uint64_t due);
  bool first_slot(Slot& found);
  // Moves time on to the next slot in use, or to `target` if that comes first. What is due then
  // lies in firing_; false: the target is reached.
  bool turn(std::uint64_t target);

  std::uint64_t tick_;  // all that was due up to this tick has fired
  TimerLink overdue_;
  TimerLink firing_;
  // A set bit: the slot may hold timers. A clear one: it holds none. (Cancelling leaves the bit.)
  std::array<std::uint64_t, kLevels> in_use_{};
  std::array<std::array<TimerLink, kSlots>, kLevels> slots_;
};

}  // namespace penstock::base
