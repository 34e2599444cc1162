// SPDX-License-Identifier: Apache-2.0
#pragma once

// A discrete-event simulation of one version's queue: tickets arrive and are cancelled, instances
// are busy for a while, and the line under test is asked for batches whenever one is free. No
// thread, no clock. The line is anything with
//   void add(const Arrival&, now)     bool cancel(id, now)     Cut pull(now)
// and the log says what happened to whom.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <vector>

#include "base/clock.h"
#include "batching/buckets.h"
#include "batching/policy.h"

namespace penstock::testing {

using base::Nanos;

struct Arrival {
  std::uint64_t id = 0;
  Nanos at = 0;
  std::int64_t rows = 1;
  std::int64_t shape = 1;
  Nanos deadline = base::kNever;
  Nanos queue_deadline = base::kNever;
  Nanos cancelled_at = base::kNever;

  friend bool operator==(const Arrival&, const Arrival&) = default;
};

struct Scenario {
  batching::PolicySettings policy;
  batching::TimeoutAction action = batching::TimeoutAction::kReject;
  std::size_t instances = 1;
  Nanos run_base_ns = 0;          // executing a batch takes this ...
  Nanos run_row_ns = 0;           // ... and this per row
  bool has_timers = true;         // whether anybody cancels tickets the moment they expire
  std::vector<Arrival> arrivals;  // by id, at distinct and rising times
};

// What one pull brought.
struct Cut {
  std::vector<std::uint64_t> batch;
  std::vector<std::uint64_t> expired;
  Nanos until = base::kNever;
};

enum class Fate { kWaiting, kExecuted, kExpired, kCancelled };

struct LoggedPull {
  Nanos at = 0;
  Cut cut;
};

struct Log {
  std::vector<LoggedPull> pulls;
  std::vector<Fate> fates;  // by id
  bool each_left_once = true;
};

inline Scenario random_scenario(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto pick = [&random](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  const auto chance = [&pick](std::int64_t percent) { return pick(1, 100) <= percent; };

  Scenario scenario;
  batching::PolicySettings& policy = scenario.policy;
  policy.batch_rows_max = chance(10) ? 0 : pick(1, 16);
  if (chance(10)) policy.batch_tickets_max = pick(1, 4);
  if (chance(50)) policy.delay_ns = pick(1, 5'000) * base::kMicrosecond;
  if (chance(40)) {
    for (std::int64_t i = pick(1, 3); i > 0; --i) {
      policy.preferred_rows.push_back(pick(1, std::max<std::int64_t>(1, policy.batch_rows_max)));
    }
  }
  policy.patience_ns = pick(10, 100) * base::kMillisecond;
  scenario.action = chance(50) ? batching::TimeoutAction::kReject : batching::TimeoutAction::kDelay;
  scenario.instances = static_cast<std::size_t>(pick(1, 3));
  scenario.run_base_ns = pick(1, 3'000) * base::kMicrosecond;
  scenario.run_row_ns = pick(0, 300) * base::kMicrosecond;
  scenario.has_timers = chance(50);

  const std::int64_t shapes = chance(50) ? 1 : pick(2, 5);
  const std::int64_t dated = pick(0, 100);
  const std::int64_t impatient = chance(60) ? 0 : pick(0, 100);
  const std::int64_t cancelled = chance(50) ? 0 : pick(0, 30);
  const Nanos gap = pick(1, 2'000) * base::kMicrosecond;
  Nanos now = 0;
  for (std::int64_t id = pick(1, 120); id > 0; --id) {
    now += 1 + (chance(30) ? 0 : pick(0, 2 * gap));
    Arrival arrival{.id = scenario.arrivals.size(), .at = now, .shape = pick(1, shapes)};
    arrival.rows = policy.batch_rows_max == 0 || chance(50) ? 1 : pick(1, policy.batch_rows_max);
    if (chance(dated)) arrival.deadline = now + pick(1, 30'000) * base::kMicrosecond;
    if (chance(impatient)) arrival.queue_deadline = now + pick(1, 10'000) * base::kMicrosecond;
    if (chance(cancelled)) arrival.cancelled_at = now + pick(0, 5'000) * base::kMicrosecond;
    scenario.arrivals.push_back(arrival);
  }
  return scenario;
}

namespace simulator_detail {

enum class Kind { kArrival, kCancel, kExpiry, kFinished, kWake };
struct Event {
  Nanos at = 0;
  Kind kind = Kind::kArrival;
  std::uint64_t id = 0;
  friend auto operator<=>(const Event&, const Event&) = default;
};

}  // namespace simulator_detail

// `check(now, cut, idle)` is called after every pull; `idle`: the pull brought nothing.
template <class Line>
Log simulate(const Scenario& scenario, Line& line,
             const std::function<void(Nanos, const Cut&, bool)>& check = {}) {
  using simulator_detail::Event;
  using simulator_detail::Kind;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
  for (const Arrival& arrival : scenario.arrivals) {
    events.push({arrival.at, Kind::kArrival, arrival.id});
    events.push({arrival.cancelled_at, Kind::kCancel, arrival.id});
    Nanos expiry = arrival.deadline;
    if (scenario.action == batching::TimeoutAction::kReject) {
      expiry = std::min(expiry, arrival.queue_deadline);
    }
    if (scenario.has_timers) events.push({expiry, Kind::kExpiry, arrival.id});
  }

  Log log;
  log.fates.resize(scenario.arrivals.size(), Fate::kWaiting);
  const auto leave = [&log](std::uint64_t id, Fate fate) {
    if (log.fates[id] != Fate::kWaiting) log.each_left_once = false;
    log.fates[id] = fate;
  };
  std::size_t free_instances = scenario.instances;
  while (!events.empty() && events.top().at != base::kNever) {
    const Event event = events.top();
    events.pop();
    const Nanos now = event.at;
    switch (event.kind) {
      case Kind::kArrival: line.add(scenario.arrivals[event.id], now); break;
      case Kind::kCancel:
        if (line.cancel(event.id)) leave(event.id, Fate::kCancelled);
        break;
      case Kind::kExpiry:
        if (line.cancel(event.id)) leave(event.id, Fate::kExpired);
        break;
      case Kind::kFinished: ++free_instances; break;
      case Kind::kWake: break;
    }
    while (free_instances > 0) {
      Cut cut = line.pull(now);
      for (const std::uint64_t id : cut.expired) leave(id, Fate::kExpired);
      Nanos run_ns = scenario.run_base_ns;
      for (const std::uint64_t id : cut.batch) {
        leave(id, Fate::kExecuted);
        run_ns += scenario.arrivals[id].rows * scenario.run_row_ns;
      }
      const bool idle = cut.batch.empty() && cut.expired.empty();
      if (check) check(now, cut, idle);
      if (!cut.batch.empty()) {
        --free_instances;
        events.push({now + run_ns, Kind::kFinished, 0});
      }
      if (idle && cut.until != base::kNever) events.push({cut.until, Kind::kWake, 0});
      log.pulls.push_back({.at = now, .cut = std::move(cut)});
      if (idle) break;
    }
  }
  return log;
}

// The dull line: one list in order of arrival, searched anew at every pull. Only the decision
// itself is the real policy's.
class DullLine {
 public:
  struct Waiting {
    Arrival arrival;
    bool is_delayed = false;
  };

  explicit DullLine(const Scenario& scenario) : scenario_(scenario) {}

  void add(const Arrival& arrival, Nanos /*now*/) { waiting_.push_back({.arrival = arrival}); }
  bool cancel(std::uint64_t id) {
    return std::erase_if(waiting_, [id](const Waiting& w) { return w.arrival.id == id; }) > 0;
  }

  Cut pull(Nanos now) {
    Cut cut;
    while (drop_expired(now, cut)) {
    }
    std::vector<batching::BucketState> states;
    const std::vector<Bucket> all = buckets();
    for (const Bucket& bucket : all) states.push_back(bucket.state);
    const batching::Decision decision =
        batching::decide({.buckets = states}, scenario_.policy, now);
    cut.until = decision.until_ns;
    for (std::int64_t i = 0; i < decision.tickets; ++i) {
      const std::uint64_t id = all[decision.bucket].members[static_cast<std::size_t>(i)];
      cut.batch.push_back(id);
      cancel(id);
    }
    return cut;
  }

  const std::vector<Waiting>& waiting() const { return waiting_; }

 private:
  struct Bucket {
    std::int64_t shape = 0;
    batching::BucketState state;
    std::vector<std::uint64_t> members;
  };

  std::vector<Bucket> buckets() const {
    std::vector<Bucket> all;
    for (const Waiting& w : waiting_) {
      const std::int64_t shape = scenario_.policy.batch_rows_max == 0 ? 0 : w.arrival.shape;
      auto found = std::ranges::find_if(all, [&](const Bucket& bucket) {
        return bucket.shape == shape && bucket.state.is_delayed == w.is_delayed;
      });
      if (found == all.end()) {
        all.push_back({.shape = shape, .state = {.is_delayed = w.is_delayed}, .members = {}});
        found = all.end() - 1;
      }
      found->members.push_back(w.arrival.id);
      batching::extend_head(
          found->state,
          {.rows = w.arrival.rows,
           .enqueued_ns = w.arrival.at,
           .deadline_ns = w.arrival.deadline,
           .queue_deadline_ns = w.is_delayed ? base::kNever : w.arrival.queue_deadline},
          scenario_.policy);
    }
    return all;
  }

  // Removes or delays one expired ticket that stands in a head; false: there is none.
  bool drop_expired(Nanos now, Cut& cut) {
    for (const Bucket& bucket : buckets()) {
      for (std::int64_t i = 0; i < bucket.state.head_tickets; ++i) {
        const std::uint64_t id = bucket.members[static_cast<std::size_t>(i)];
        const auto found =
            std::ranges::find(waiting_, id, [](const Waiting& w) { return w.arrival.id; });
        const bool is_late = !found->is_delayed && found->arrival.queue_deadline <= now;
        const bool rejects = scenario_.action == batching::TimeoutAction::kReject;
        if (found->arrival.deadline > now && !is_late) continue;
        Waiting gone = *found;
        waiting_.erase(found);
        if (gone.arrival.deadline <= now || rejects) {
          cut.expired.push_back(id);
        } else {
          gone.is_delayed = true;
          waiting_.push_back(gone);
        }
        return true;
      }
    }
    return false;
  }

  const Scenario& scenario_;
  std::vector<Waiting> waiting_;
};

}  // namespace penstock::testing
