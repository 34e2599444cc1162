// SPDX-License-Identifier: Apache-2.0
#include "base/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace penstock::base {

namespace {

// The first tick at whose start `deadline_ns` has passed.
std::uint64_t due_tick(Nanos deadline_ns) {
  if (deadline_ns <= 0) return 0;
  const Nanos ticks = deadline_ns / TimerWheel::kTickNs;
  return static_cast<std::uint64_t>(ticks) + (deadline_ns % TimerWheel::kTickNs != 0 ? 1 : 0);
}

}  // namespace

TimerWheel::~TimerWheel() {
  const auto cancel_all = [](TimerLink& head) {
    while (!head.is_alone()) head.next->unlink();
  };
  cancel_all(overdue_);
  cancel_all(firing_);
  for (auto& level : slots_) std::ranges::for_each(level, cancel_all);
}

void TimerWheel::schedule(Timer& timer, Nanos deadline_ns) {
  timer.cancel();
  timer.deadline_ns_ = deadline_ns;
  if (deadline_ns == kNever) return;
  const std::uint64_t due = due_tick(deadline_ns);
  if (due <= tick_) {
    overdue_.append(timer);
  } else {
    place(timer, due);
  }
}

void TimerWheel::place(Timer& timer, std::uint64_t due) {
  const auto highest_bit = static_cast<std::size_t>(std::bit_width(due ^ tick_)) - 1;
  const std::size_t level = highest_bit / kDigitBits;
  const std::size_t index = (due >> (level * kDigitBits)) % kSlots;
  slots_[level][index].append(timer);
  in_use_[level] |= std::uint64_t{1} << index;
}

bool TimerWheel::first_slot(Slot& found) {
  for (std::size_t level = 0; level < kLevels; ++level) {
    while (in_use_[level] != 0) {
      const auto index = static_cast<std::size_t>(std::countr_zero(in_use_[level]));
      if (slots_[level][index].is_alone()) {
        in_use_[level] &= in_use_[level] - 1;
        continue;
      }
      const std::size_t shift = level * kDigitBits;
      const std::uint64_t above = tick_ >> (shift + kDigitBits) << kDigitBits;
      found = {.level = level, .index = index, .tick = (above | index) << shift};
      return true;
    }
  }
  return false;
}

bool TimerWheel::turn(std::uint64_t target) {
  Slot slot;
  if (!first_slot(slot) || slot.tick > target) {
    tick_ = std::max(tick_, target);
    return false;
  }
  tick_ = slot.tick;
  in_use_[slot.level] &= ~(std::uint64_t{1} << slot.index);
  TimerLink& head = slots_[slot.level][slot.index];
  if (slot.level == 0) {
    move_all(head, firing_);
    return true;
  }
  while (!head.is_alone()) {
    Timer& timer = static_cast<Timer&>(*head.next);
    timer.unlink();
    const std::uint64_t due = due_tick(timer.deadline_ns_);
    if (due == tick_) {
      firing_.append(timer);
    } else {
      place(timer, due);
    }
  }
  return true;
}

Nanos TimerWheel::next_expiry(Nanos now) {
  if (!overdue_.is_alone() || !firing_.is_alone()) return now;
  Slot slot;
  if (!first_slot(slot)) return kNever;
  return std::max(now, static_cast<Nanos>(slot.tick) * kTickNs);
}

void TimerWheel::move_all(TimerLink& from, TimerLink& to) {
  if (from.is_alone()) return;
  from.next->previous = to.previous;
  to.previous->next = from.next;
  from.previous->next = &to;
  to.previous = from.previous;
  from.previous = from.next = &from;
}

}  // namespace penstock::base
