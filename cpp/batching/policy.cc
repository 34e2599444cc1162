// SPDX-License-Identifier: Apache-2.0
#include "batching/policy.h"

#include <algorithm>
#include <compare>
#include <limits>

namespace penstock::batching {

namespace {

using base::Nanos;

// `at - ahead`, where no deadline at all stays none.
Nanos before(Nanos at, Nanos ahead) { return at == base::kNever ? at : at - ahead; }

// The last moment to which the bucket's head may be held back.
Nanos latest_cut(const BucketState& bucket, const QueueState& queue,
                 const PolicySettings& settings) {
  if (queue.is_closing) return std::numeric_limits<Nanos>::min();
  return std::min({base::after(bucket.oldest_enqueued_ns, settings.delay_ns),
                   before(bucket.earliest_deadline_ns, queue.expected_run_ns + kWakeMarginNs),
                   before(bucket.earliest_queue_deadline_ns, kWakeMarginNs)});
}

struct Urgency {
  bool is_delayed = true;
  Nanos due_ns = base::kNever;
  Nanos oldest_enqueued_ns = base::kNever;

  friend auto operator<=>(const Urgency&, const Urgency&) = default;
};

Urgency urgency(const BucketState& bucket, const PolicySettings& settings) {
  const Nanos patient_until = base::after(bucket.oldest_enqueued_ns, settings.patience_ns);
  return {.is_delayed = bucket.is_delayed,
          .due_ns = std::min(
              {bucket.earliest_deadline_ns, bucket.earliest_queue_deadline_ns, patient_until}),
          .oldest_enqueued_ns = bucket.oldest_enqueued_ns};
}

}  // namespace

void extend_head(BucketState& bucket, const TicketFacts& ticket, const PolicySettings& settings) {
  if (bucket.head_is_full) return;
  const std::int64_t rows = bucket.head_rows + ticket.rows;
  if (bucket.head_tickets > 0 && rows > settings.batch_rows_max) {
    bucket.head_is_full = true;
    return;
  }
  ++bucket.head_tickets;
  bucket.head_rows = rows;
  bucket.head_is_full =
      rows >= settings.batch_rows_max || bucket.head_tickets == settings.batch_tickets_max;
  if (std::ranges::find(settings.preferred_rows, rows) != settings.preferred_rows.end()) {
    bucket.preferred_tickets = bucket.head_tickets;
  }
  bucket.oldest_enqueued_ns = std::min(bucket.oldest_enqueued_ns, ticket.enqueued_ns);
  bucket.earliest_deadline_ns = std::min(bucket.earliest_deadline_ns, ticket.deadline_ns);
  bucket.earliest_queue_deadline_ns =
      std::min(bucket.earliest_queue_deadline_ns, ticket.queue_deadline_ns);
}

Decision decide(const QueueState& queue, const PolicySettings& settings, Nanos now) {
  Decision decision;
  Urgency most_urgent;
  for (std::size_t i = 0; i < queue.buckets.size(); ++i) {
    const BucketState& bucket = queue.buckets[i];
    const Nanos latest = latest_cut(bucket, queue, settings);
    std::int64_t tickets = bucket.head_tickets;
    if (now < latest && bucket.preferred_tickets > 0) {
      tickets = bucket.preferred_tickets;
    } else if (now < latest && !bucket.head_is_full) {
      decision.until_ns = std::min(decision.until_ns, latest);
      continue;
    }
    const Urgency urgent = urgency(bucket, settings);
    if (decision.tickets == 0 || urgent < most_urgent) {
      decision.tickets = tickets;
      decision.bucket = i;
      most_urgent = urgent;
    }
  }
  return decision;
}

}  // namespace penstock::batching
