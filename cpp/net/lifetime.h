// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"

namespace penstock::net {

// How long connections live. Durations; kNever switches a rule off.
struct LifetimeOptions {
  base::Nanos keepalive_time_ns = 7200 * base::kSecond;   // silence before a ping
  base::Nanos keepalive_timeout_ns = 20 * base::kSecond;  // for its answer
  bool keepalive_without_calls = false;
  base::Nanos age_max_ns = base::kNever;
  base::Nanos age_grace_ns = base::kNever;  // for calls in flight, after the GOAWAY
  // For the hello of a new connection to be complete, and for each header block once begun: what a
  // peer sends before there is a call, and so a deadline.
  base::Nanos header_timeout_ns = 20 * base::kSecond;
  // For a peer that has answers to read to read some of them.
  base::Nanos stall_timeout_ns = 300 * base::kSecond;
  // Silence without a call after which a connection that cannot be pinged is closed.
  base::Nanos idle_timeout_ns = 600 * base::kSecond;
};

// A client that does not answer the ping behind a shutdown notice gets its last id after this.
inline constexpr base::Nanos kNoticeWaitMax = base::kSecond;
// After its last byte was written, a socket is read and discarded for this long at most: closing
// it with unread bytes would make the kernel throw away what the peer has not read yet.
inline constexpr base::Nanos kLingerMax = base::kSecond;

// Moments in a connection's life; kNever: not yet.
struct LifetimeState {
  base::Nanos opened_ns = 0;
  base::Nanos age_max_ns = base::kNever;  // LifetimeOptions' own, spread a little
  base::Nanos received_ns = 0;            // the last byte
  base::Nanos sent_ns = 0;                // the last byte
  base::Nanos pinged_ns = base::kNever;
  base::Nanos notice_ns = base::kNever;
  base::Nanos goaway_ns = base::kNever;
  base::Nanos lingering_ns = base::kNever;
  base::Nanos header_ns = base::kNever;   // when the hello or header block began that is incomplete
  base::Nanos stalled_ns = base::kNever;  // when it last took a part of an answer; others wait
  bool has_calls = false;
  bool can_ping = true;
};

enum class LifetimeAction {
  kNone,
  kPing,
  kNotice,          // first step of a graceful end
  kGoaway,          // second step
  kCloseKeepalive,  // the ping was not answered
  kCloseAge,        // the grace is over
  kCloseSlow,       // its hello, a header block or its reading took too long
  kCloseIdle,       // it asks for nothing, and cannot be asked whether it is there
  kCloseLingered,   // nobody reads the rest
};

struct LifetimeStep {
  LifetimeAction action = LifetimeAction::kNone;
  base::Nanos next_ns = base::kNever;  // ask again then, whatever the action
};

// What a connection needs at `now`. Pure.
LifetimeStep next_step(const LifetimeState& state, const LifetimeOptions& options, base::Nanos now);

}  // namespace penstock::net
