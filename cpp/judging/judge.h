// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "judging/event_test.h"

namespace penstock::judging {

// What is watched of a canary. Each has a test and a part of the error budget of its own.
enum class Guardrail : std::uint8_t {
  kErrors,   // against all of stable
  kLatency,  // answers slower than the objective, against the control slice
};
inline constexpr std::size_t kGuardrailCount = 2;
std::string_view name_of(Guardrail guardrail);  // "errors", "latency"

enum class BadKind : std::uint8_t {
  kError,      // the model failed the request
  kTimeout,    // it had not answered when the deadline came
  kNonFinite,  // it answered NaN or infinity to inputs that have none
  kSlow,       // it answered later than the latency objective
};
std::string_view name_of(BadKind kind);  // "error", "timeout", "non_finite", "slow"

// One request of the trial that went wrong.
struct BadEvent {
  std::int64_t wall_ms = 0;  // since 1970, UTC; told, never reckoned with
  Guardrail guardrail = Guardrail::kErrors;
  BadKind kind = BadKind::kError;
  bool is_canary = false;
  std::uint32_t epoch = 0;      // of constant shares, in which the request was assigned
  std::uint32_t canary_bp = 0;  // share of the canary in that epoch,
  std::uint32_t both_bp = 0;    // and of the canary and what it is compared with together
  std::uint64_t key_hash = 0;
  // What had been answered well until then: for the breakers.
  std::uint64_t canary_good = 0;
  std::uint64_t baseline_good = 0;

  friend bool operator==(const BadEvent&, const BadEvent&) = default;
};

enum class Cause : std::uint8_t {
  kEvidence,       // E reached its limit
  kNonFinite,      // breaker: non-finite answers of the canary, and none of the baseline
  kFirstFailures,  // breaker: the canary's first keys all failed while the baseline answered
  kKeysFull,       // more keys failed than can be told apart: the trial can go on no further
  kEventsFull,     // events came faster than they are written down
};
std::string_view name_of(Cause cause);

struct Verdict {
  bool rolls_back = false;  // else the rollout is held where it is
  Cause cause = Cause::kEvidence;
  Guardrail guardrail = Guardrail::kErrors;
  double log_e = 0.0;
  double log_limit = 0.0;
  std::int64_t wall_ms = 0;

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

struct JudgeOptions {
  double alpha = 0.01;     // chance of a false rollback over the whole trial
  double tolerance = 0.0;  // theta0 = 1 + tolerance
  // Parts of alpha; those of guardrails in use sum to 1. 0: not in use.
  std::array<double, kGuardrailCount> weights = {1.0, 0.0};
  // Different keys with a bad event, per guardrail.
  std::size_t keys_max = std::size_t{1} << 20;
  // Different keys that the canary fails, before it answers anything, until the breaker trips; 0:
  // it never does. The baseline must have answered more requests than it failed since the first
  // of them, so it trips at the second at the earliest: an outage that both suffer is no fault of
  // the canary's.
  std::uint32_t first_failures = 3;
  // One non-finite answer of the canary is enough, if the baseline has answered and never so.
  bool breaks_on_non_finite = true;
};

// Decides over a canary, event by event: a value without clock, lock or I/O. The same events in
// the same order give the same verdict, which is how it is brought back after a restart and how a
// person can check it.
//
// Of each key only the first bad event per guardrail is evidence, whichever arm it was in: a client
// that tries again fails again in the same arm, and that is one observation. An event of an epoch
// in which one side had everything counts but speaks for nobody.
class Judge {
 public:
  struct Taken {
    bool counts = false;             // else a repeat, and no evidence
    std::optional<Verdict> verdict;  // reached by this event
  };

  explicit Judge(const JudgeOptions& options);

  // After a verdict nothing counts any more.
  Taken take(const BadEvent& event);
  // Somebody else found that the trial cannot go on.
  void hold(Cause cause, std::int64_t wall_ms);

  const std::optional<Verdict>& verdict() const { return verdict_; }
  double log_e(Guardrail guardrail) const;
  // ln(1 / (alpha x weight)); infinite if it is not in use.
  double log_limit(Guardrail guardrail) const;
  std::uint64_t counted(Guardrail guardrail) const;
  std::uint64_t repeats(Guardrail guardrail) const;

 private:
  // Open addressing over fingerprints; grows by doubling up to keys_max.
  class Keys {
   public:
    enum class Seen : std::uint8_t { kNew, kBefore, kFull };
    explicit Keys(std::size_t keys_max) : keys_max_(keys_max) {}
    Seen add(std::uint64_t key);

   private:
    void grow();

    std::size_t keys_max_;
    std::size_t count_ = 0;
    bool has_zero_ = false;
    std::vector<std::uint64_t> slots_;
  };

  struct Rail {
    EventTest test;
    Keys keys;
    std::uint64_t counted = 0;
    std::uint64_t repeats = 0;
  };

  // What the breaker of first failures looks at.
  struct Beginning {
    bool is_over = false;               // the canary has answered something
    std::uint64_t canary_keys = 0;      // that failed
    std::uint64_t baseline_good = 0;    // at the first of these
    std::uint64_t baseline_failed = 0;  // requests, since then
  };

  std::optional<Cause> cause_of(const BadEvent& event, Keys::Seen seen);
  bool trips_on_non_finite(const BadEvent& event);
  bool trips_on_first_failures(const BadEvent& event, bool is_new);
  const Rail& rail(Guardrail guardrail) const;

  JudgeOptions options_;
  std::vector<Rail> rails_;  // by guardrail
  Beginning beginning_;
  bool has_baseline_non_finite_ = false;
  std::optional<Verdict> verdict_;
};

}  // namespace penstock::judging
