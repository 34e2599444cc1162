// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>

#include "harness.h"
#include "net/lifetime.h"

namespace penstock::testing {
namespace {

using base::kNever;
using base::kSecond;
using base::Nanos;
using net::LifetimeAction;
using net::LifetimeOptions;
using net::LifetimeState;
using net::LifetimeStep;

// Times in seconds, for reading.
LifetimeStep at(Nanos seconds, const LifetimeState& state, const LifetimeOptions& options) {
  return next_step(state, options, seconds * kSecond);
}

constexpr LifetimeOptions kKeepalive = {.keepalive_time_ns = 100 * kSecond,
                                        .keepalive_timeout_ns = 20 * kSecond};

}  // namespace

TEST(net_lifetime, without_rules_nothing_is_ever_due) {
  const LifetimeStep step = at(1'000'000, {.has_calls = true}, {.keepalive_time_ns = kNever});
  EXPECT(step.action == LifetimeAction::kNone);
  EXPECT_EQ(step.next_ns, kNever);
}

TEST(net_lifetime, silence_with_calls_is_broken_by_a_ping) {
  const LifetimeState state = {.received_ns = 50 * kSecond, .has_calls = true};
  EXPECT(at(149, state, kKeepalive).action == LifetimeAction::kNone);
  EXPECT_EQ(at(149, state, kKeepalive).next_ns, 150 * kSecond);
  const LifetimeStep step = at(150, state, kKeepalive);
  EXPECT(step.action == LifetimeAction::kPing);
  EXPECT_EQ(step.next_ns, 170 * kSecond);
}

TEST(net_lifetime, silence_without_calls_is_let_be_unless_the_options_say_otherwise) {
  const LifetimeState state = {.received_ns = 50 * kSecond};
  LifetimeStep step = at(150, state, kKeepalive);
  EXPECT(step.action == LifetimeAction::kNone);
  EXPECT_EQ(step.next_ns, 250 * kSecond);  // calls may have begun by then
  step = at(100, state, kKeepalive);
  EXPECT_EQ(step.next_ns, 150 * kSecond);
  LifetimeOptions always = kKeepalive;
  always.keepalive_without_calls = true;
  EXPECT(at(150, state, always).action == LifetimeAction::kPing);
}

TEST(net_lifetime, a_ping_that_is_not_answered_closes) {
  const LifetimeState state = {
      .received_ns = 50 * kSecond, .pinged_ns = 150 * kSecond, .has_calls = true};
  EXPECT(at(169, state, kKeepalive).action == LifetimeAction::kNone);
  EXPECT_EQ(at(169, state, kKeepalive).next_ns, 170 * kSecond);
  EXPECT(at(170, state, kKeepalive).action == LifetimeAction::kCloseKeepalive);
  LifetimeState no_calls = state;  // the last one may have ended meanwhile
  no_calls.has_calls = false;
  EXPECT(at(170, no_calls, kKeepalive).action == LifetimeAction::kCloseKeepalive);
}

TEST(net_lifetime, any_byte_after_the_ping_is_an_answer) {
  const LifetimeState state = {
      .received_ns = 160 * kSecond, .pinged_ns = 150 * kSecond, .has_calls = true};
  EXPECT(at(170, state, kKeepalive).action == LifetimeAction::kNone);
  EXPECT_EQ(at(170, state, kKeepalive).next_ns, 260 * kSecond);
  EXPECT(at(260, state, kKeepalive).action == LifetimeAction::kPing);
}

TEST(net_lifetime, an_answer_that_comes_late_does_not_put_off_the_next_ping) {
  const LifetimeOptions options = {.keepalive_time_ns = 5 * kSecond,
                                   .keepalive_timeout_ns = 30 * kSecond,
                                   .keepalive_without_calls = true};
  LifetimeState state = {.received_ns = 100 * kSecond, .pinged_ns = 105 * kSecond};
  EXPECT(at(110, state, options).action == LifetimeAction::kNone);
  EXPECT_EQ(at(110, state, options).next_ns, 115 * kSecond);
  EXPECT_EQ(at(133, state, options).next_ns, 135 * kSecond);
  state.received_ns = 111 * kSecond;
  EXPECT_EQ(at(115, state, options).next_ns, 116 * kSecond);
  EXPECT(at(116, state, options).action == LifetimeAction::kPing);
}

TEST(net_lifetime, an_old_connection_is_noticed_then_told_then_closed) {
  const LifetimeOptions options = {.keepalive_time_ns = kNever, .age_grace_ns = 30 * kSecond};
  LifetimeState state = {.opened_ns = 10 * kSecond, .age_max_ns = 90 * kSecond, .has_calls = true};
  EXPECT(at(99, state, options).action == LifetimeAction::kNone);
  EXPECT_EQ(at(99, state, options).next_ns, 100 * kSecond);
  LifetimeStep step = at(100, state, options);
  EXPECT(step.action == LifetimeAction::kNotice);
  EXPECT_EQ(step.next_ns, 100 * kSecond + net::kNoticeWaitMax);
  state.notice_ns = 100 * kSecond;
  EXPECT(next_step(state, options, step.next_ns - 1).action == LifetimeAction::kNone);
  step = next_step(state, options, step.next_ns);
  EXPECT(step.action == LifetimeAction::kGoaway);
  state.goaway_ns = 101 * kSecond;
  EXPECT(at(130, state, options).action == LifetimeAction::kNone);
  EXPECT_EQ(at(130, state, options).next_ns, 131 * kSecond);
  EXPECT(at(131, state, options).action == LifetimeAction::kCloseAge);
}

TEST(net_lifetime, without_a_grace_calls_may_take_as_long_as_they_like) {
  const LifetimeState state = {
      .opened_ns = 0, .age_max_ns = 1, .notice_ns = 1, .goaway_ns = 2, .has_calls = true};
  const LifetimeStep step = at(1'000'000, state, {.keepalive_time_ns = kNever});
  EXPECT(step.action == LifetimeAction::kNone);
  EXPECT_EQ(step.next_ns, kNever);
}

TEST(net_lifetime, a_dead_peer_is_found_after_the_goaway_too) {
  LifetimeState state = {.received_ns = 10 * kSecond,
                         .notice_ns = 9 * kSecond,
                         .goaway_ns = 10 * kSecond,
                         .has_calls = true};
  EXPECT(at(110, state, kKeepalive).action == LifetimeAction::kPing);
  state.pinged_ns = 110 * kSecond;
  EXPECT(at(130, state, kKeepalive).action == LifetimeAction::kCloseKeepalive);
}

TEST(net_lifetime, a_hello_or_a_header_block_is_complete_in_time_or_the_connection_ends) {
  const LifetimeOptions options = {.keepalive_time_ns = kNever, .header_timeout_ns = 20 * kSecond};
  LifetimeState state = {.header_ns = 100 * kSecond};
  EXPECT(at(119, state, options).action == LifetimeAction::kNone);
  EXPECT_EQ(at(119, state, options).next_ns, 120 * kSecond);
  EXPECT(at(120, state, options).action == LifetimeAction::kCloseSlow);
  state.has_calls = true;
  EXPECT(at(120, state, options).action == LifetimeAction::kCloseSlow);
  state.header_ns = kNever;
  EXPECT_EQ(at(1'000'000, state, options).next_ns, kNever);
  state.header_ns = 100 * kSecond;
  state.lingering_ns = 119 * kSecond + kSecond / 2;
  EXPECT(at(120, state, options).action == LifetimeAction::kNone);
  state.lingering_ns = kNever;
  LifetimeOptions patient = options;
  patient.header_timeout_ns = kNever;
  EXPECT_EQ(at(1'000'000, state, patient).next_ns, kNever);
}

TEST(net_lifetime, a_peer_that_reads_nothing_of_its_answers_is_closed) {
  const LifetimeOptions options = {.keepalive_time_ns = kNever, .stall_timeout_ns = 60 * kSecond};
  LifetimeState state = {.stalled_ns = 100 * kSecond};
  EXPECT_EQ(at(159, state, options).next_ns, 160 * kSecond);
  EXPECT(at(160, state, options).action == LifetimeAction::kCloseSlow);
  state.stalled_ns = 101 * kSecond;
  EXPECT_EQ(at(160, state, options).next_ns, 161 * kSecond);
}

TEST(net_lifetime, lingering_ends_after_its_time_and_nothing_else_counts) {
  const LifetimeState state = {.age_max_ns = 1,
                               .pinged_ns = 1,
                               .goaway_ns = 2,
                               .lingering_ns = 100 * kSecond,
                               .has_calls = true};
  LifetimeOptions options = kKeepalive;
  options.age_grace_ns = 1;
  const Nanos due = 100 * kSecond + net::kLingerMax;
  EXPECT(next_step(state, options, due - 1).action == LifetimeAction::kNone);
  EXPECT_EQ(next_step(state, options, due - 1).next_ns, due);
  EXPECT(next_step(state, options, due).action == LifetimeAction::kCloseLingered);
}

TEST(net_lifetime, whoever_asks_at_the_named_time_learns_something_or_a_later_time) {
  // Whatever the state: no answer makes its asker spin.
  std::minstd_rand random(11);
  const auto some = [&](Nanos most) -> Nanos {
    return random() % 3 == 0 ? kNever : kSecond + static_cast<Nanos>(random()) % most;
  };
  for (int i = 0; i < 20'000; ++i) {
    const LifetimeOptions options = {.keepalive_time_ns = some(100 * kSecond),
                                     .keepalive_timeout_ns = some(50 * kSecond),
                                     .keepalive_without_calls = random() % 2 == 0,
                                     .age_grace_ns = some(50 * kSecond),
                                     .header_timeout_ns = some(300 * kSecond),
                                     .stall_timeout_ns = some(300 * kSecond)};
    LifetimeState state = {.age_max_ns = some(200 * kSecond),
                           .header_ns = some(100 * kSecond),
                           .stalled_ns = some(100 * kSecond),
                           .has_calls = random() % 2 == 0};
    Nanos now = 0;
    for (int steps = 0;; ++steps) {
      REQUIRE(steps < 3000);
      const LifetimeStep step = next_step(state, options, now);
      if (step.action == LifetimeAction::kCloseKeepalive) break;
      if (step.action == LifetimeAction::kCloseAge) break;
      if (step.action == LifetimeAction::kCloseSlow) break;
      if (step.action == LifetimeAction::kPing) state.pinged_ns = now;
      if (step.action == LifetimeAction::kNotice) state.notice_ns = now;
      if (step.action == LifetimeAction::kGoaway) state.goaway_ns = now;
      if (step.next_ns == kNever || now > 1000 * kSecond) break;
      REQUIRE(step.next_ns > now || step.action != LifetimeAction::kNone);
      now = std::max(now, step.next_ns);
    }
  }
}

}  // namespace penstock::testing
