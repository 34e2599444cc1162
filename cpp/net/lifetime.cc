// SPDX-License-Identifier: Apache-2.0
#include "net/lifetime.h"

#include <algorithm>

namespace penstock::net {
namespace {

using base::after;
using base::kNever;
using base::Nanos;

struct Rule {
  LifetimeAction action;
  Nanos due_ns;
};

Rule keepalive_rule(const LifetimeState& state, const LifetimeOptions& options) {
  if (!state.can_ping) {
    return {LifetimeAction::kCloseIdle,
            after(std::max(state.received_ns, state.sent_ns), options.idle_timeout_ns)};
  }
  if (state.pinged_ns != kNever) {
    // Any byte after the ping proves the peer alive, whether it is the answer or not.
    if (state.received_ns >= state.pinged_ns) {
      return {LifetimeAction::kPing, after(state.received_ns, options.keepalive_time_ns)};
    }
    return {LifetimeAction::kCloseKeepalive, after(state.pinged_ns, options.keepalive_timeout_ns)};
  }
  return {LifetimeAction::kPing, after(state.received_ns, options.keepalive_time_ns)};
}

Rule age_rule(const LifetimeState& state, const LifetimeOptions& options) {
  if (state.goaway_ns != kNever) {
    return {LifetimeAction::kCloseAge, after(state.goaway_ns, options.age_grace_ns)};
  }
  if (state.notice_ns != kNever) {
    return {LifetimeAction::kGoaway, after(state.notice_ns, kNoticeWaitMax)};
  }
  return {LifetimeAction::kNotice, after(state.opened_ns, state.age_max_ns)};
}

// Of one that is neither lingering nor slow.
LifetimeStep usual_step(const LifetimeState& state, const LifetimeOptions& options, Nanos now) {
  const Rule age = age_rule(state, options);
  Rule keepalive = keepalive_rule(state, options);
  const bool is_idle_rule = keepalive.action == LifetimeAction::kCloseIdle;
  if (is_idle_rule && state.has_calls && now >= keepalive.due_ns) {
    keepalive = {LifetimeAction::kNone, after(now, options.idle_timeout_ns)};
  }
  const bool is_waiting = keepalive.action == LifetimeAction::kCloseKeepalive;
  if (!is_idle_rule && !is_waiting && !state.has_calls && !options.keepalive_without_calls) {
    // Calls may begin at any time: look again when the ping would have been due.
    if (now >= keepalive.due_ns) keepalive.due_ns = after(now, options.keepalive_time_ns);
    keepalive.action = LifetimeAction::kNone;
  }
  if (now >= age.due_ns) {
    const Nanos next = age.action == LifetimeAction::kNotice ? after(now, kNoticeWaitMax)
                                                             : after(now, options.age_grace_ns);
    return {age.action, std::min(next, keepalive.due_ns > now ? keepalive.due_ns : next)};
  }
  if (now >= keepalive.due_ns) {
    // The ping may be answered at once, and the next one due before its timeout.
    const Nanos wait_ns = std::min(options.keepalive_timeout_ns, options.keepalive_time_ns);
    return {keepalive.action, std::min(after(now, wait_ns), age.due_ns)};
  }
  // An answer may come late, and the next ping then be due before the timeout of this one.
  const Nanos look_ns = is_waiting ? after(now, options.keepalive_time_ns) : kNever;
  return {LifetimeAction::kNone, std::min({age.due_ns, keepalive.due_ns, look_ns})};
}

}  // namespace

LifetimeStep next_step(const LifetimeState& state, const LifetimeOptions& options, Nanos now) {
  if (state.lingering_ns != kNever) {
    const Nanos due = after(state.lingering_ns, kLingerMax);
    return {now >= due ? LifetimeAction::kCloseLingered : LifetimeAction::kNone, due};
  }
  const Nanos slow_due_ns = std::min(after(state.header_ns, options.header_timeout_ns),
                                     after(state.stalled_ns, options.stall_timeout_ns));
  if (now >= slow_due_ns) return {LifetimeAction::kCloseSlow, kNever};
  LifetimeStep step = usual_step(state, options, now);
  step.next_ns = std::min(step.next_ns, slow_due_ns);
  return step;
}

}  // namespace penstock::net
