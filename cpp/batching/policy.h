// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.h"

namespace penstock::batching {

// When to cut a batch, and which. Pure: no clock, no lock, no loop that waits. The laws, which the
// simulator in tests/cpp/test_batching_policy.cc holds it to:
//
//  * A free instance takes what is there. It holds back only while all of this is so: `delay_ns`
//    is set, the oldest ticket has waited less than that, the batch could still grow, it has no
//    preferred size, and no deadline would be missed by waiting on.
//  * A batch has at most batch_rows_max rows and batch_tickets_max tickets; tickets are not split.
//  * Of the buckets that may be cut, the one whose next batch is the most urgent goes first:
//    urgency is the earliest deadline in it, or `patience_ns` after its oldest ticket came, so that
//    tickets without a deadline are not passed over for ever. Equal urgency: the oldest ticket.
//  * Delayed buckets (tickets past their queue timeout under the action "delay") come after those.
struct PolicySettings {
  std::int64_t batch_rows_max = 0;     // 0: no batch dimension, every ticket is a batch by itself
  std::int64_t batch_tickets_max = 0;  // 0: no bound; 1: requests are not batched together
  std::vector<std::int64_t> preferred_rows = {};
  base::Nanos delay_ns = 0;
  base::Nanos patience_ns = base::kSecond;
};

// How much earlier than a deadline an instance that holds back must wake to meet it.
inline constexpr base::Nanos kWakeMarginNs = 200 * base::kMicrosecond;

// What the policy must know of one ticket.
struct TicketFacts {
  std::int64_t rows = 1;
  base::Nanos enqueued_ns = 0;
  base::Nanos deadline_ns = base::kNever;
  base::Nanos queue_deadline_ns = base::kNever;
};

// What the policy must know of one bucket (tickets that may share a batch, oldest first): all of
// it is about its head, the longest run of tickets from the front that fits in one batch.
struct BucketState {
  bool is_delayed = false;
  bool head_is_full = false;  // no further ticket would fit
  std::int64_t head_tickets = 0;
  std::int64_t head_rows = 0;
  std::int64_t preferred_tickets = 0;  // the longest run with a preferred size; 0: there is none
  base::Nanos oldest_enqueued_ns = base::kNever;
  base::Nanos earliest_deadline_ns = base::kNever;
  base::Nanos earliest_queue_deadline_ns = base::kNever;
};

// Lengthens the head by the ticket that stands next in line, if it fits.
void extend_head(BucketState& bucket, const TicketFacts& ticket, const PolicySettings& settings);

// What is true of the queue as a whole.
struct QueueState {
  std::span<const BucketState> buckets;  // none of them empty
  base::Nanos expected_run_ns = 0;       // how long a batch is expected to execute; 0: unknown
  bool is_closing = false;               // nothing more will come: holding back gains nothing
};

struct Decision {
  // Cut the first `tickets` of `bucket`; 0: wait until `until_ns` or until something changes.
  std::int64_t tickets = 0;
  std::size_t bucket = 0;
  base::Nanos until_ns = base::kNever;
};

// Expects that no ticket in a head has expired at `now`.
Decision decide(const QueueState& queue, const PolicySettings& settings, base::Nanos now);

}  // namespace penstock::batching
