// SPDX-License-Identifier: Apache-2.0
#include "judging/judge.h"

#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"

namespace penstock::judging {
namespace {

constexpr std::size_t kSlotsMin = 64;

// In an epoch in which the canary had all of it or nothing, an event was bound to be where it was.
bool is_coin(const BadEvent& event) {
  return event.canary_bp > 0 && event.canary_bp < event.both_bp;
}

double share_of(const BadEvent& event) {
  return static_cast<double>(event.canary_bp) / static_cast<double>(event.both_bp);
}

// What rolls back; the other causes only stop a rollout where it is.
bool is_against_the_canary(Cause cause) {
  return cause == Cause::kEvidence || cause == Cause::kNonFinite || cause == Cause::kFirstFailures;
}

}  // namespace

std::string_view name_of(Guardrail guardrail) {
  switch (guardrail) {
    case Guardrail::kErrors: return "errors";
    case Guardrail::kLatency: return "latency";
  }
  std::unreachable();
}

std::string_view name_of(BadKind kind) {
  switch (kind) {
    case BadKind::kError: return "error";
    case BadKind::kTimeout: return "timeout";
    case BadKind::kNonFinite: return "non_finite";
    case BadKind::kSlow: return "slow";
  }
  std::unreachable();
}

std::string_view name_of(Cause cause) {
  switch (cause) {
    case Cause::kEvidence: return "evidence";
    case Cause::kNonFinite: return "non_finite";
    case Cause::kFirstFailures: return "first_failures";
    case Cause::kKeysFull: return "keys_full";
    case Cause::kEventsFull: return "events_full";
  }
  std::unreachable();
}

// Fingerprints are hashes, so their low bits say where they belong; and at most three of four
// slots are taken, so a free one is near.
Judge::Keys::Seen Judge::Keys::add(std::uint64_t key) {
  if (key == 0) {
    if (has_zero_) return Seen::kBefore;
    if (count_ >= keys_max_) return Seen::kFull;
    has_zero_ = true;
    ++count_;
    return Seen::kNew;
  }
  if (slots_.empty()) slots_.resize(kSlotsMin);
  std::size_t at = key & (slots_.size() - 1);
  for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at] == key) return Seen::kBefore;
  }
  if (count_ >= keys_max_) return Seen::kFull;
  slots_[at] = key;
  ++count_;
  if (count_ * 4 > slots_.size() * 3) grow();
  return Seen::kNew;
}

void Judge::Keys::grow() {
  std::vector<std::uint64_t> wider(slots_.size() * 2);
  for (const std::uint64_t key : slots_) {
    if (key == 0) continue;
    std::size_t at = key & (wider.size() - 1);
    while (wider[at] != 0) at = (at + 1) & (wider.size() - 1);
    wider[at] = key;
  }
  slots_ = std::move(wider);
}

Judge::Judge(const JudgeOptions& options) : options_(options) {
  PENSTOCK_CHECK(options.alpha > 0.0 && options.alpha < 1.0);
  PENSTOCK_CHECK(options.tolerance >= 0.0);
  rails_.reserve(kGuardrailCount);
  for (std::size_t i = 0; i < kGuardrailCount; ++i) {
    rails_.push_back({EventTest(1.0 + options.tolerance), Keys(options.keys_max)});
  }
}

Judge::Taken Judge::take(const BadEvent& event) {
  if (verdict_) return {};
  Rail& rail = rails_[static_cast<std::size_t>(event.guardrail)];
  const Keys::Seen seen = rail.keys.add(event.key_hash);
  if (seen == Keys::Seen::kNew) {
    ++rail.counted;
    if (is_coin(event)) rail.test.add(event.is_canary, share_of(event));
  } else if (seen == Keys::Seen::kBefore) {
    ++rail.repeats;
  }
  if (const auto cause = cause_of(event, seen)) {
    verdict_ = Verdict{.rolls_back = is_against_the_canary(*cause),
                       .cause = *cause,
                       .guardrail = event.guardrail,
                       .log_e = rail.test.log_e(),
                       .log_limit = log_limit(event.guardrail),
                       .wall_ms = event.wall_ms};
  }
  return {.counts = seen == Keys::Seen::kNew, .verdict = verdict_};
}

void Judge::hold(Cause cause, std::int64_t wall_ms) {
  PENSTOCK_CHECK(!is_against_the_canary(cause));
  if (verdict_) return;
  verdict_ = Verdict{.cause = cause,
                     .log_e = log_e(Guardrail::kErrors),
                     .log_limit = log_limit(Guardrail::kErrors),
                     .wall_ms = wall_ms};
}

// Both breakers are asked whatever the evidence says: they remember what they saw.
std::optional<Cause> Judge::cause_of(const BadEvent& event, Keys::Seen seen) {
  const bool is_new = seen == Keys::Seen::kNew;
  const bool trips_on_non_finite = this->trips_on_non_finite(event);
  const bool trips_on_first_failures = this->trips_on_first_failures(event, is_new);
  if (is_new && log_e(event.guardrail) >= log_limit(event.guardrail)) return Cause::kEvidence;
  if (trips_on_non_finite) return Cause::kNonFinite;
  if (trips_on_first_failures) return Cause::kFirstFailures;
  if (seen == Keys::Seen::kFull) return Cause::kKeysFull;
  return std::nullopt;
}

// Repeats as well: a key that timed out once may bring the first NaN.
bool Judge::trips_on_non_finite(const BadEvent& event) {
  if (event.kind != BadKind::kNonFinite) return false;
  if (!event.is_canary) {
    has_baseline_non_finite_ = true;
    return false;
  }
  return options_.breaks_on_non_finite && !has_baseline_non_finite_ && event.baseline_good > 0;
}

bool Judge::trips_on_first_failures(const BadEvent& event, bool is_new) {
  if (event.canary_good > 0) beginning_.is_over = true;
  if (options_.first_failures == 0 || beginning_.is_over) return false;
  if (event.guardrail != Guardrail::kErrors) return false;
  if (!event.is_canary) {
    ++beginning_.baseline_failed;
    return false;
  }
  if (!is_new) return false;
  // A server that started again counts from 0.
  if (beginning_.canary_keys == 0 || event.baseline_good < beginning_.baseline_good) {
    beginning_ = {.baseline_good = event.baseline_good};
  }
  ++beginning_.canary_keys;
  return beginning_.canary_keys >= options_.first_failures &&
         event.baseline_good - beginning_.baseline_good > beginning_.baseline_failed;
}

const Judge::Rail& Judge::rail(Guardrail guardrail) const {
  return rails_[static_cast<std::size_t>(guardrail)];
}

double Judge::log_e(Guardrail guardrail) const { return rail(guardrail).test.log_e(); }

double Judge::log_limit(Guardrail guardrail) const {
  const double weight = options_.weights[static_cast<std::size_t>(guardrail)];
  if (weight <= 0.0) return std::numeric_limits<double>::infinity();
  return -std::log(options_.alpha * weight);
}

std::uint64_t Judge::counted(Guardrail guardrail) const { return rail(guardrail).counted; }
std::uint64_t Judge::repeats(Guardrail guardrail) const { return rail(guardrail).repeats; }

}  // namespace penstock::judging
