// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include "batching/policy.h"
#include "batching_simulator.h"
#include "harness.h"

using namespace penstock;
using namespace penstock::testing;
using base::kMicrosecond;
using base::kMillisecond;
using base::kNever;
using base::kSecond;
using batching::BucketState;
using batching::decide;
using batching::Decision;
using batching::PolicySettings;
using batching::TicketFacts;

namespace {

BucketState bucket_of(const PolicySettings& settings, const std::vector<TicketFacts>& tickets) {
  BucketState bucket;
  for (const TicketFacts& ticket : tickets) extend_head(bucket, ticket, settings);
  return bucket;
}

BucketState rows_at(const PolicySettings& settings, const std::vector<std::int64_t>& rows,
                    Nanos enqueued_ns) {
  BucketState bucket;
  for (const std::int64_t n : rows) {
    extend_head(bucket, {.rows = n, .enqueued_ns = enqueued_ns}, settings);
  }
  return bucket;
}

Decision decide_one(const BucketState& bucket, const PolicySettings& settings, Nanos now,
                    Nanos expected_run_ns = 0) {
  return decide({.buckets = {&bucket, 1}, .expected_run_ns = expected_run_ns}, settings, now);
}

}  // namespace

TEST(batching_policy, an_empty_queue_waits_for_ever) {
  const Decision decision = decide({}, {}, kSecond);
  EXPECT_EQ(decision.tickets, 0);
  EXPECT_EQ(decision.until_ns, kNever);
}

TEST(batching_policy, without_a_delay_a_free_instance_takes_what_is_there) {
  const PolicySettings settings{.batch_rows_max = 8};
  EXPECT_EQ(decide_one(rows_at(settings, {1}, kSecond), settings, kSecond).tickets, 1);
  EXPECT_EQ(decide_one(rows_at(settings, {1, 1, 1}, kSecond), settings, kSecond).tickets, 3);
}

TEST(batching_policy, tickets_are_never_split) {
  const PolicySettings settings{.batch_rows_max = 8};
  const BucketState bucket = rows_at(settings, {3, 3, 3}, 0);
  EXPECT(bucket.head_is_full);
  EXPECT_EQ(bucket.head_rows, 6);
  EXPECT_EQ(decide_one(bucket, settings, 0).tickets, 2);
}

TEST(batching_policy, a_small_ticket_does_not_overtake_a_large_one_of_its_shape) {
  const PolicySettings settings{.batch_rows_max = 4};
  EXPECT_EQ(rows_at(settings, {2, 3, 1}, 0).head_tickets, 1);
}

TEST(batching_policy, without_a_batch_dimension_every_ticket_is_a_batch) {
  const PolicySettings settings{.batch_rows_max = 0, .delay_ns = kSecond};
  EXPECT_EQ(decide_one(rows_at(settings, {1, 1, 1}, 0), settings, 0).tickets, 1);
}

TEST(batching_policy, a_bound_on_tickets_bounds_the_batch) {
  const PolicySettings settings{.batch_rows_max = 8, .batch_tickets_max = 1, .delay_ns = kSecond};
  EXPECT_EQ(decide_one(rows_at(settings, {1, 1}, 0), settings, 0).tickets, 1);
}

TEST(batching_policy, a_delay_holds_a_partial_batch_until_its_oldest_ticket_has_waited_so_long) {
  const PolicySettings settings{.batch_rows_max = 8, .delay_ns = 5 * kMillisecond};
  const BucketState bucket =
      bucket_of(settings, {{.enqueued_ns = 10 * kMillisecond}, {.enqueued_ns = 12 * kMillisecond}});
  const Decision early = decide_one(bucket, settings, 12 * kMillisecond);
  EXPECT_EQ(early.tickets, 0);
  EXPECT_EQ(early.until_ns, 15 * kMillisecond);
  EXPECT_EQ(decide_one(bucket, settings, early.until_ns).tickets, 2);
}

TEST(batching_policy, a_full_batch_goes_at_once) {
  const PolicySettings settings{.batch_rows_max = 4, .delay_ns = kSecond};
  EXPECT_EQ(decide_one(rows_at(settings, {2, 2}, 0), settings, 0).tickets, 2);
  EXPECT_EQ(decide_one(rows_at(settings, {3, 2}, 0), settings, 0).tickets, 1);
}

TEST(batching_policy, the_largest_preferred_size_that_can_be_reached_goes_at_once) {
  const PolicySettings settings{
      .batch_rows_max = 16, .preferred_rows = {4, 8}, .delay_ns = kMillisecond};
  const std::vector<std::int64_t> ten(10, 1);
  const std::vector<std::int64_t> five(5, 1);
  EXPECT_EQ(decide_one(rows_at(settings, ten, 0), settings, 0).tickets, 8);
  EXPECT_EQ(decide_one(rows_at(settings, five, 0), settings, 0).tickets, 4);
  EXPECT_EQ(decide_one(rows_at(settings, {1, 1, 1}, 0), settings, 0).tickets, 0);
  // Rows add up to 3, 6, 9: no preferred size among them.
  EXPECT_EQ(decide_one(rows_at(settings, {3, 3, 3}, 0), settings, 0).tickets, 0);
}

TEST(batching_policy, once_the_delay_is_over_everything_up_to_the_maximum_goes) {
  const PolicySettings settings{
      .batch_rows_max = 16, .preferred_rows = {4, 8}, .delay_ns = kMillisecond};
  const std::vector<std::int64_t> ten(10, 1);
  EXPECT_EQ(decide_one(rows_at(settings, ten, 0), settings, kMillisecond).tickets, 10);
}

TEST(batching_policy, no_batch_is_held_past_the_moment_that_would_miss_its_earliest_deadline) {
  const PolicySettings settings{.batch_rows_max = 8, .delay_ns = kSecond};
  const BucketState bucket = bucket_of(
      settings, {{.enqueued_ns = 0}, {.enqueued_ns = 0, .deadline_ns = 50 * kMillisecond}});
  const Nanos until = 50 * kMillisecond - 10 * kMillisecond - batching::kWakeMarginNs;
  EXPECT_EQ(decide_one(bucket, settings, 0, 10 * kMillisecond).until_ns, until);
  EXPECT_EQ(decide_one(bucket, settings, until, 10 * kMillisecond).tickets, 2);
}

TEST(batching_policy, no_batch_is_held_past_a_queue_timeout) {
  const PolicySettings settings{.batch_rows_max = 8, .delay_ns = kSecond};
  const BucketState bucket = bucket_of(settings, {{.queue_deadline_ns = 50 * kMillisecond}});
  EXPECT_EQ(decide_one(bucket, settings, 0, 10 * kMillisecond).until_ns,
            50 * kMillisecond - batching::kWakeMarginNs);
}

TEST(batching_policy, a_closing_queue_holds_nothing_back) {
  const PolicySettings settings{.batch_rows_max = 8, .delay_ns = kSecond};
  const BucketState bucket = rows_at(settings, {1}, kSecond);
  EXPECT_EQ(decide({.buckets = {&bucket, 1}, .is_closing = true}, settings, kSecond).tickets, 1);
}

TEST(batching_policy, the_bucket_with_the_nearest_deadline_goes_first_then_the_oldest) {
  const PolicySettings settings{.batch_rows_max = 8, .patience_ns = kSecond};
  const auto first_of = [&](const std::vector<TicketFacts>& heads) {
    std::vector<BucketState> buckets;
    for (const TicketFacts& head : heads) buckets.push_back(bucket_of(settings, {head}));
    return decide({.buckets = buckets}, settings, 100).bucket;
  };
  EXPECT_EQ(first_of({{.enqueued_ns = 3}, {.enqueued_ns = 2}, {.enqueued_ns = 4}}), 1);
  EXPECT_EQ(first_of({{.enqueued_ns = 1, .deadline_ns = 900},
                      {.enqueued_ns = 2, .deadline_ns = 800},
                      {.enqueued_ns = 0}}),
            1);
  EXPECT_EQ(
      first_of({{.enqueued_ns = 5, .deadline_ns = 900}, {.enqueued_ns = 4, .deadline_ns = 900}}),
      1);
}

TEST(batching_policy, tickets_without_a_deadline_are_not_passed_over_for_ever) {
  const PolicySettings settings{.batch_rows_max = 8, .patience_ns = kSecond};
  const Nanos now = 2 * kSecond;
  std::vector<BucketState> buckets{
      bucket_of(settings, {{.enqueued_ns = now - 1, .deadline_ns = now + kMillisecond}}),
      bucket_of(settings, {{.enqueued_ns = now - kSecond}})};
  EXPECT_EQ(decide({.buckets = buckets}, settings, now).bucket, 1);
}

TEST(batching_policy, delayed_tickets_come_after_all_others) {
  const PolicySettings settings{.batch_rows_max = 8};
  std::vector<BucketState> buckets{bucket_of(settings, {{.enqueued_ns = 0, .deadline_ns = 200}}),
                                   bucket_of(settings, {{.enqueued_ns = 50}})};
  buckets[0].is_delayed = true;
  EXPECT_EQ(decide({.buckets = buckets}, settings, 100).bucket, 1);
  buckets.pop_back();
  EXPECT_EQ(decide({.buckets = buckets}, settings, 100).tickets, 1);
}

TEST(batching_policy, times_near_the_ends_of_the_clock_do_not_overflow) {
  const PolicySettings settings{.batch_rows_max = 8, .delay_ns = kNever, .patience_ns = kNever};
  const BucketState bucket = bucket_of(settings, {{.enqueued_ns = kSecond, .deadline_ns = 1}});
  EXPECT_EQ(decide_one(bucket, settings, 0).tickets, 1);
  const BucketState undated = bucket_of(settings, {{.enqueued_ns = kSecond}});
  EXPECT_EQ(decide_one(undated, settings, kSecond).until_ns, kNever);
}

namespace {

// Counts broken laws over one simulated life of a queue.
struct Laws {
  const Scenario& scenario;
  const DullLine& line;
  int broken = 0;

  void expect(bool holds) { broken += holds ? 0 : 1; }

  const Arrival& arrival(std::uint64_t id) const { return scenario.arrivals[id]; }

  void check_batch(Nanos now, const Cut& cut) {
    const PolicySettings& policy = scenario.policy;
    std::int64_t rows = 0;
    std::set<std::int64_t> shapes;
    for (const std::uint64_t id : cut.batch) {
      rows += arrival(id).rows;
      shapes.insert(arrival(id).shape);
      expect(arrival(id).deadline > now);
      if (scenario.action == batching::TimeoutAction::kReject) {
        expect(arrival(id).queue_deadline > now);
      }
    }
    expect(shapes.size() == 1);
    if (policy.batch_rows_max > 0) {
      expect(rows <= policy.batch_rows_max);
    } else {
      expect(cut.batch.size() == 1);
    }
    if (policy.batch_tickets_max > 0) {
      expect(std::cmp_less_equal(cut.batch.size(), policy.batch_tickets_max));
    }
  }

  // Whoever has waited longer than the patience is passed over by older batches only.
  void check_fairness(Nanos now, const Cut& cut) {
    Nanos oldest = kNever;
    for (const std::uint64_t id : cut.batch) oldest = std::min(oldest, arrival(id).at);
    for (const auto& waiting : line.waiting()) {
      const Nanos patient_until = base::after(waiting.arrival.at, scenario.policy.patience_ns);
      if (!waiting.is_delayed && patient_until < now) expect(oldest <= waiting.arrival.at);
    }
  }

  // An idle instance is one for which waiting on is right for everybody.
  void check_idle(Nanos now, const Cut& cut) {
    if (line.waiting().empty()) return;
    expect(scenario.policy.delay_ns > 0);
    expect(cut.until > now);
    for (const auto& waiting : line.waiting()) {
      const Arrival& held = waiting.arrival;
      expect(cut.until <= base::after(held.at, scenario.policy.delay_ns));
      if (held.deadline != kNever) expect(cut.until <= held.deadline - batching::kWakeMarginNs);
      if (held.queue_deadline != kNever && !waiting.is_delayed) {
        expect(cut.until <= held.queue_deadline - batching::kWakeMarginNs);
      }
    }
  }

  void operator()(Nanos now, const Cut& cut, bool idle) {
    if (!cut.batch.empty()) {
      check_batch(now, cut);
      check_fairness(now, cut);
    }
    for (const std::uint64_t id : cut.expired) {
      expect(std::min(arrival(id).deadline, arrival(id).queue_deadline) <= now);
    }
    if (idle) check_idle(now, cut);
  }
};

}  // namespace

TEST(batching_policy, its_laws_hold_in_five_thousand_simulated_queues) {
  std::size_t executed = 0;
  std::size_t expired = 0;
  std::size_t cancelled = 0;
  for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
    const Scenario scenario = random_scenario(seed);
    DullLine line(scenario);
    Laws laws{.scenario = scenario, .line = line};
    const Log log = simulate(scenario, line,
                             [&](Nanos now, const Cut& cut, bool idle) { laws(now, cut, idle); });
    if (laws.broken > 0 || !log.each_left_once ||
        std::ranges::count(log.fates, Fate::kWaiting) > 0) {
      EXPECT_EQ(seed, 0);  // names the scenario
      EXPECT_EQ(laws.broken, 0);
      EXPECT(log.each_left_once);
      EXPECT_EQ(std::ranges::count(log.fates, Fate::kWaiting), 0);
      return;
    }
    executed += static_cast<std::size_t>(std::ranges::count(log.fates, Fate::kExecuted));
    expired += static_cast<std::size_t>(std::ranges::count(log.fates, Fate::kExpired));
    cancelled += static_cast<std::size_t>(std::ranges::count(log.fates, Fate::kCancelled));
  }
  // The scenarios are worth something only if all of these happen.
  EXPECT_LT(100'000, executed);
  EXPECT_LT(10'000, expired);
  EXPECT_LT(5'000, cancelled);
}
