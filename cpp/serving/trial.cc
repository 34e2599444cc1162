// SPDX-License-Identifier: Apache-2.0
#include "serving/trial.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <utility>

#include "base/check.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::fail;
using judging::BadKind;
using judging::Guardrail;
using routing::Role;

constexpr std::array<Role, kTrialArms> kRoles = {Role::kStable, Role::kControl, Role::kCanary};

std::int64_t wall_ms() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / base::kMillisecond;
}

base::Result<> check(const TrialOptions& options) {
  if (options.slo_ns < 0) return fail(Code::kInvalidArgument, "the latency objective is negative");
  if (options.keys_max == 0) return fail(Code::kInvalidArgument, "keys_max is 0");
  if (!options.predictions) return {};
  const std::vector<double>& edges = options.predictions->edges;
  const bool is_rising = std::ranges::adjacent_find(edges, std::greater_equal<>()) == edges.end();
  const bool is_finite =
      std::ranges::all_of(edges, [](double edge) { return std::isfinite(edge); });
  if (!edges.empty() && edges.size() <= kPredictionEdgesMax && is_rising && is_finite) return {};
  return fail(Code::kInvalidArgument,
              "the watched output wants 1 to " + std::to_string(kPredictionEdgesMax) +
                  " finite edges that ascend, found " + std::to_string(edges.size()));
}

}  // namespace

base::Result<std::shared_ptr<Trial>> Trial::open(TrialOptions options, std::size_t io_threads,
                                                 const base::EventFd& wake) {
  if (auto sound = check(options); !sound) return std::unexpected(sound.error());
  return std::shared_ptr<Trial>(new Trial(std::move(options), io_threads, wake));
}

Trial::Trial(TrialOptions options, std::size_t io_threads, const base::EventFd& wake)
    : options_(std::move(options)),
      wake_(wake),
      seen_(options_.keys_max),
      judge_(judging::Judge(options_.judge)),
      events_(kTrialEventsMax) {
  for (std::size_t i = 0; i < io_threads; ++i) {
    Shard& shard = *shards_.emplace_back(std::make_unique<Shard>());
    if (bins() == 0) continue;
    shard.predictions = std::make_unique<telemetry::Counter[]>(kEpochsMax * kTrialArms * bins());
  }
}

// ---------------------------------------------------------------------------------------------
// The control thread

base::Result<> Trial::begin_epoch(std::uint32_t number, const EpochShares& shares) {
  const std::uint32_t begun = epochs_.load(std::memory_order_relaxed);
  if (number < begun) {
    return fail(Code::kInvalidArgument, "epoch " + std::to_string(number) +
                                            " has been already; the next is " +
                                            std::to_string(begun) + " or later");
  }
  if (number >= kEpochsMax) {
    return fail(Code::kResourceExhausted, "the shares of this rollout have changed " +
                                              std::to_string(kEpochsMax) +
                                              " times, which is as often as they may");
  }
  shares_[number] = shares;
  epochs_.store(number + 1, std::memory_order_release);
  return {};
}

void Trial::replay(std::span<const judging::BadEvent> events) {
  auto judge = judge_.lock();
  for (const judging::BadEvent& event : events) judge->take(event);
  const auto& verdict = judge->verdict();
  if (verdict && verdict->rolls_back) is_cut_.store(true, std::memory_order_release);
}

TrialCounts Trial::counts() const {
  TrialCounts told;
  const std::uint32_t begun = epochs_.load(std::memory_order_acquire);
  for (std::uint32_t number = 0; number < begun; ++number) {
    if (shares_[number] == EpochShares{}) continue;  // left out
    EpochCounts& epoch = told.epochs.emplace_back();
    epoch.number = number;
    epoch.shares = shares_[number];
    for (TrialArmCounts& arm : epoch.arms) arm.predictions.resize(bins());
  }
  for (const auto& shard : shards_) {
    told.excluded += shard->excluded.value();
    told.retried += shard->retried.value();
    told.canary_missing += shard->missing.value();
    for (const Role role : kRoles) {
      const std::size_t arm = index_of(role);
      shard->latency[arm].add_to(told.latency[arm]);
      for (EpochCounts& epoch : told.epochs) {
        const ArmShard& from = shard->epochs[epoch.number][arm];
        TrialArmCounts& to = epoch.arms[arm];
        to.keys += from.keys.value();
        to.requests += from.requests.value();
        for (std::size_t kind = 0; kind < kBadKinds; ++kind) to.bad[kind] += from.bad[kind].value();
        for (std::size_t bin = 0; bin < bins(); ++bin) {
          to.predictions[bin] += predictions(*shard, epoch.number, role, bin).value();
        }
      }
    }
  }
  told.seen_is_full = seen_.is_full();
  told.verdict = judge_.lock()->verdict();
  return told;
}

std::vector<TrialEvent> Trial::take_events() {
  std::vector<TrialEvent> taken;
  events_.drain(taken);
  return taken;
}

// ---------------------------------------------------------------------------------------------
// Io threads

std::size_t Trial::bin_of(double prediction) const {
  const std::vector<double>& edges = options_.predictions->edges;
  return static_cast<std::size_t>(std::ranges::upper_bound(edges, prediction) - edges.begin());
}

bool Trial::assign(std::size_t io_thread, std::uint32_t epoch, Role role, std::uint64_t key_hash) {
  if (seen_.add(key_hash) != base::KeySet::Seen::kNew) return false;
  shards_[io_thread]->epochs[epoch][index_of(role)].keys.add(1);
  return true;
}

void Trial::observe(std::size_t io_thread, const Observation& seen) {
  Shard& shard = *shards_[io_thread];
  const std::size_t arm = index_of(seen.role);
  ArmShard& counts = shard.epochs[seen.epoch][arm];
  counts.requests.add(1);
  shard.latency[arm].record(seen.latency_ns);
  if (options_.slo_ns > 0 && seen.latency_ns > options_.slo_ns && !seen.is_slow_told) {
    count_slow(shard, seen);
  }
  if (seen.prediction && bins() > 0) {
    predictions(shard, seen.epoch, seen.role, bin_of(*seen.prediction)).add(1);
  }
  if (!seen.bad) return shard.good[arm].add(1);
  counts.bad[static_cast<std::size_t>(*seen.bad)].add(1);
  judge(seen, Guardrail::kErrors, *seen.bad);
}

void Trial::tell_slow(std::size_t io_thread, const Observation& seen) {
  count_slow(*shards_[io_thread], seen);
}

void Trial::count_slow(Shard& shard, const Observation& seen) {
  constexpr auto kind = static_cast<std::size_t>(BadKind::kSlow);
  shard.epochs[seen.epoch][index_of(seen.role)].bad[kind].add(1);
  // Of stable's batches, which are larger, nothing can be learnt about the canary's latency.
  if (seen.role != Role::kStable) judge(seen, Guardrail::kLatency, BadKind::kSlow);
}

std::uint64_t Trial::good(Role role) const {
  std::uint64_t sum = 0;
  for (const auto& shard : shards_) sum += shard->good[index_of(role)].value();
  return sum;
}

void Trial::judge(const Observation& seen, Guardrail guardrail, BadKind kind) {
  const EpochShares& shares = shares_[seen.epoch];
  const std::uint32_t canary_bp = shares.bp[index_of(Role::kCanary)];
  const std::uint32_t control_bp = shares.bp[index_of(Role::kControl)];
  const std::uint32_t both_bp =
      guardrail == Guardrail::kLatency ? canary_bp + control_bp : routing::kBucketCount;
  // With one arm alone there is nothing to compare.
  if (canary_bp == 0 || canary_bp == both_bp) return;
  const judging::BadEvent event{.wall_ms = wall_ms(),
                                .guardrail = guardrail,
                                .kind = kind,
                                .is_canary = seen.role == Role::kCanary,
                                .epoch = seen.epoch,
                                .canary_bp = canary_bp,
                                .both_bp = both_bp,
                                .key_hash = seen.key_hash,
                                .canary_good = good(Role::kCanary),
                                .baseline_good = good(Role::kStable) + good(Role::kControl)};
  auto judge = judge_.lock();
  if (judge->verdict()) return;
  const judging::Judge::Taken taken = judge->take(event);
  if (events_.push({event, taken.counts}).taken == 0) {
    judge->hold(judging::Cause::kEventsFull, event.wall_ms);
  }
  if (!judge->verdict()) return;
  if (judge->verdict()->rolls_back) is_cut_.store(true, std::memory_order_release);
  judge.release();
  wake_.notify();
}

}  // namespace penstock::serving
