// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/channel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/event_fd.h"
#include "base/key_set.h"
#include "base/monitor.h"
#include "judging/judge.h"
#include "routing/route.h"
#include "telemetry/counter.h"
#include "telemetry/fine_histogram.h"

namespace penstock::serving {

// Times of constant shares that one trial may have.
inline constexpr std::size_t kEpochsMax = 64;
// Bounds between the bins of a watched output.
inline constexpr std::size_t kPredictionEdgesMax = 63;
// Bad events on their way to whoever writes them down. Beyond it the trial is held.
inline constexpr std::size_t kTrialEventsMax = std::size_t{1} << 16;

// The arms of a trial: Role::kStable, kControl, kCanary.
inline constexpr std::size_t kTrialArms = 3;
constexpr std::size_t index_of(routing::Role role) { return static_cast<std::size_t>(role) - 1; }

// The output whose values are counted by bins: the last value of the first row.
struct WatchedOutput {
  std::string name;
  std::vector<double> edges;  // ascending; a value goes into the bin behind all edges <= it
};

struct TrialOptions {
  judging::JudgeOptions judge = {};
  base::Nanos slo_ns = 0;  // an answer later than this is slow; 0: none is
  bool retries = false;    // what the canary fails is executed on stable in its place
  std::size_t keys_max = 1'000'000;
  std::optional<WatchedOutput> predictions = std::nullopt;
};

struct EpochShares {
  std::array<std::uint32_t, kTrialArms> bp{};  // sum to 10000

  friend bool operator==(const EpochShares&, const EpochShares&) = default;
};

inline constexpr std::size_t kBadKinds = 4;

struct TrialArmCounts {
  std::uint64_t keys = 0;      // at their first sight
  std::uint64_t requests = 0;  // answered, well or badly
  std::array<std::uint64_t, kBadKinds> bad{};
  std::vector<std::uint64_t> predictions;  // by bin, of first answers; empty: none are watched
};

struct EpochCounts {
  std::uint32_t number = 0;
  EpochShares shares;
  std::array<TrialArmCounts, kTrialArms> arms;
};

struct TrialCounts {
  std::vector<EpochCounts> epochs;
  std::uint64_t excluded = 0;        // went to an arm by another reason than their key
  std::uint64_t retried = 0;         // failed by the canary and answered by stable
  std::uint64_t canary_missing = 0;  // assigned to a canary that was not loaded
  bool seen_is_full = false;
  std::array<telemetry::FineCounts, kTrialArms> latency{};
  std::optional<judging::Verdict> verdict;
};

struct TrialEvent {
  judging::BadEvent event;
  bool counts = false;
};

// One answered request of a trial.
struct Observation {
  std::uint32_t epoch = 0;
  routing::Role role = routing::Role::kStable;
  std::uint64_t key_hash = 0;
  base::Nanos latency_ns = 0;
  std::optional<judging::BadKind> bad = {};  // nothing: it went well
  bool is_slow_told = false;                 // tell_slow() was called for it
  std::optional<double> prediction = {};     // of a key that answers for the first time
};

// A candidate on trial, seen from the requests: counts what becomes of them, and lets the judge
// decide on each bad event. Shared by the io threads, which count in shards of their own and meet
// only where a request went wrong; read by the control thread. Immortal while a route names it.
class Trial {
 public:
  // kInvalidArgument for options that contradict themselves. `wake` is notified when the judge
  // has decided.
  static base::Result<std::shared_ptr<Trial>> open(TrialOptions options, std::size_t io_threads,
                                                   const base::EventFd& wake);
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  // --- on the control thread ---
  // Before a route of this epoch is published. Their numbers grow, and may leave some out that
  // earlier processes had; kResourceExhausted from kEpochsMax on.
  base::Result<> begin_epoch(std::uint32_t number, const EpochShares& shares);
  // Brings the judge where these events bring it. Before any traffic.
  void replay(std::span<const judging::BadEvent> events);
  TrialCounts counts() const;
  // Since the last call, in the order in which the judge took them.
  std::vector<TrialEvent> take_events();

  // --- on any thread ---
  // The canary gets no request any more.
  bool is_cut() const { return is_cut_.load(std::memory_order_acquire); }
  const TrialOptions& options() const { return options_; }
  std::size_t bin_of(double prediction) const;

  // --- on an io thread ---
  // A request was accepted for its arm; true: it is the first of its key.
  bool assign(std::size_t io_thread, std::uint32_t epoch, routing::Role role,
              std::uint64_t key_hash);
  void observe(std::size_t io_thread, const Observation& seen);
  // A request that is not answered yet is slow already. Once for each.
  void tell_slow(std::size_t io_thread, const Observation& seen);
  void count_excluded(std::size_t io_thread) { shards_[io_thread]->excluded.add(1); }
  void count_retried(std::size_t io_thread) { shards_[io_thread]->retried.add(1); }
  void count_missing(std::size_t io_thread) { shards_[io_thread]->missing.add(1); }

 private:
  struct ArmShard {
    telemetry::Counter keys;
    telemetry::Counter requests;
    std::array<telemetry::Counter, kBadKinds> bad;
  };
  struct alignas(telemetry::kCacheLineBytes) Shard {
    std::array<std::array<ArmShard, kTrialArms>, kEpochsMax> epochs;
    std::array<telemetry::FineHistogram, kTrialArms> latency;
    std::array<telemetry::Counter, kTrialArms> good;
    telemetry::Counter excluded;
    telemetry::Counter retried;
    telemetry::Counter missing;
    std::unique_ptr<telemetry::Counter[]> predictions;  // [epoch][arm][bin]
  };

  Trial(TrialOptions options, std::size_t io_threads, const base::EventFd& wake);
  std::size_t bins() const {
    return options_.predictions ? options_.predictions->edges.size() + 1 : 0;
  }
  telemetry::Counter& predictions(Shard& shard, std::uint32_t epoch, routing::Role role,
                                  std::size_t bin) const {
    return shard.predictions[(epoch * kTrialArms + index_of(role)) * bins() + bin];
  }
  std::uint64_t good(routing::Role role) const;
  void count_slow(Shard& shard, const Observation& seen);
  void judge(const Observation& seen, judging::Guardrail guardrail, judging::BadKind kind);

  const TrialOptions options_;
  const base::EventFd& wake_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::array<EpochShares, kEpochsMax> shares_{};  // written before the route that names them
  std::atomic<std::uint32_t> epochs_ = 0;
  base::KeySet seen_;
  std::atomic<bool> is_cut_ = false;
  mutable base::Monitor<judging::Judge> judge_;
  base::Channel<TrialEvent> events_;  // pushed into while the judge is locked: in its order
};

}  // namespace penstock::serving
