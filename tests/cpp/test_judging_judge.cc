// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "harness.h"
#include "judging/judge.h"

namespace penstock::testing {
namespace {

using judging::BadEvent;
using judging::BadKind;
using judging::Cause;
using judging::Guardrail;
using judging::Judge;
using judging::JudgeOptions;
using judging::Verdict;

// Of a canary of 5 %, in the middle of a trial.
BadEvent event(bool is_canary, std::uint64_t key, BadKind kind = BadKind::kError) {
  return {.wall_ms = 1000 + static_cast<std::int64_t>(key),
          .kind = kind,
          .is_canary = is_canary,
          .canary_bp = 500,
          .both_bp = 10'000,
          .key_hash = key,
          .canary_good = 50,
          .baseline_good = 950};
}

BadEvent slow(bool is_canary, std::uint64_t key) {
  BadEvent one = event(is_canary, key, BadKind::kSlow);
  one.guardrail = Guardrail::kLatency;
  one.both_bp = 1000;
  return one;
}

// At a canary's beginning: it has answered nothing yet.
BadEvent at_first(bool is_canary, std::uint64_t key, std::uint64_t baseline_good) {
  BadEvent one = event(is_canary, key);
  one.canary_good = 0;
  one.baseline_good = baseline_good;
  one.canary_bp = 5000;  // of which three errors alone are no evidence
  return one;
}

// Events of a canary of 25 % that is twice as bad, from few enough keys that some come again.
std::vector<BadEvent> random_events(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<BadEvent> events;
  for (std::size_t i = 0; i < count; ++i) {
    const bool is_slow = random() % 3 == 0;
    BadEvent one = is_slow ? slow(random() % 2 == 0, random() % 300)
                           : event(random() % 5 < 2, random() % 300, BadKind::kTimeout);
    one.canary_bp = is_slow ? 500 : 2500;
    one.epoch = static_cast<std::uint32_t>(i / 50);
    events.push_back(one);
  }
  return events;
}

JudgeOptions both_guardrails() {
  JudgeOptions options;
  options.weights = {0.7, 0.3};
  return options;
}

}  // namespace

TEST(judging_judge, the_third_error_of_a_canary_beside_a_clean_baseline_rolls_back) {
  Judge judge(JudgeOptions{});
  EXPECT(!judge.take(event(true, 1)).verdict.has_value());
  EXPECT(!judge.take(event(true, 2)).verdict.has_value());
  const auto taken = judge.take(event(true, 3));
  EXPECT(taken.counts);
  REQUIRE(taken.verdict.has_value());
  EXPECT(taken.verdict->rolls_back);
  EXPECT(taken.verdict->cause == Cause::kEvidence);
  EXPECT(taken.verdict->guardrail == Guardrail::kErrors);
  EXPECT_EQ(taken.verdict->wall_ms, 1003);
  EXPECT_EQ(taken.verdict->log_e, judge.log_e(Guardrail::kErrors));
  EXPECT_EQ(taken.verdict->log_limit, judge.log_limit(Guardrail::kErrors));
  EXPECT(judge.verdict() == taken.verdict);
}

TEST(judging_judge, after_a_verdict_nothing_counts_any_more) {
  Judge judge(JudgeOptions{});
  for (std::uint64_t key = 1; key <= 3; ++key) judge.take(event(true, key));
  const double log_e = judge.log_e(Guardrail::kErrors);
  const auto taken = judge.take(event(false, 4));
  EXPECT(!taken.counts);
  EXPECT(!taken.verdict.has_value());
  EXPECT_EQ(judge.log_e(Guardrail::kErrors), log_e);
  EXPECT_EQ(judge.counted(Guardrail::kErrors), 3);
}

TEST(judging_judge, a_key_that_fails_again_is_no_new_evidence) {
  Judge judge(JudgeOptions{});
  EXPECT(judge.take(event(true, 1)).counts);
  for (int i = 0; i < 1000; ++i) EXPECT(!judge.take(event(true, 1)).counts);
  EXPECT(!judge.take(event(false, 1)).counts);  // in whichever arm
  EXPECT(!judge.verdict().has_value());
  EXPECT_EQ(judge.counted(Guardrail::kErrors), 1);
  EXPECT_EQ(judge.repeats(Guardrail::kErrors), 1001);
  Judge once(JudgeOptions{});
  once.take(event(true, 1));
  EXPECT_EQ(judge.log_e(Guardrail::kErrors), once.log_e(Guardrail::kErrors));
}

TEST(judging_judge, each_guardrail_has_keys_and_evidence_of_its_own) {
  Judge judge(both_guardrails());
  EXPECT(judge.take(event(true, 1)).counts);
  EXPECT(judge.take(slow(true, 1)).counts);
  EXPECT_EQ(judge.counted(Guardrail::kErrors), 1);
  EXPECT_EQ(judge.counted(Guardrail::kLatency), 1);
  EXPECT_NE(judge.log_e(Guardrail::kErrors), judge.log_e(Guardrail::kLatency));
  EXPECT_EQ(judge.log_limit(Guardrail::kErrors), -std::log(0.01 * 0.7));
  EXPECT_EQ(judge.log_limit(Guardrail::kLatency), -std::log(0.01 * 0.3));
}

TEST(judging_judge, slow_answers_alone_roll_back) {
  Judge judge(both_guardrails());
  std::optional<Verdict> verdict;
  for (std::uint64_t key = 1; key < 100 && !verdict; ++key)
    verdict = judge.take(slow(true, key)).verdict;
  REQUIRE(verdict.has_value());
  EXPECT(verdict->guardrail == Guardrail::kLatency);
  EXPECT(verdict->rolls_back);
}

TEST(judging_judge, a_guardrail_that_is_not_in_use_never_rolls_back) {
  JudgeOptions options;
  options.first_failures = 0;
  options.weights = {0.0, 1.0};
  Judge judge(options);
  for (std::uint64_t key = 1; key < 1000; ++key) judge.take(event(true, key));
  EXPECT(!judge.verdict().has_value());
  EXPECT_EQ(judge.log_limit(Guardrail::kErrors), std::numeric_limits<double>::infinity());
}

TEST(judging_judge, what_is_tolerated_takes_longer_to_find) {
  const auto errors_until_verdict = [](double tolerance) {
    JudgeOptions options;
    options.tolerance = tolerance;
    Judge judge(options);
    std::uint64_t key = 1;
    while (!judge.take(event(true, key)).verdict) ++key;
    return key;
  };
  EXPECT_EQ(errors_until_verdict(0.0), 3);
  EXPECT_LT(3, errors_until_verdict(2.0));
}

TEST(judging_judge, an_event_of_an_epoch_without_a_comparison_says_nothing) {
  Judge judge(JudgeOptions{});
  BadEvent one = event(true, 1);
  one.canary_bp = 10'000;  // the canary had all
  EXPECT(judge.take(one).counts);
  one = event(true, 2);
  one.canary_bp = 0;  // or nothing
  judge.take(one);
  one = event(false, 3);
  one.canary_bp = one.both_bp = 0;
  judge.take(one);
  EXPECT_EQ(judge.log_e(Guardrail::kErrors), 0.0);
  EXPECT_EQ(judge.counted(Guardrail::kErrors), 3);
}

TEST(judging_judge, the_same_events_bring_it_back_bit_for_bit) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Judge first(both_guardrails());
    std::vector<BadEvent> stored;
    for (const BadEvent& one : random_events(400, seed)) {
      if (first.verdict()) break;
      first.take(one);
      stored.push_back(one);
    }
    Judge second(both_guardrails());
    for (const BadEvent& one : stored) second.take(one);
    EXPECT(first.verdict() == second.verdict());
    for (const Guardrail guardrail : {Guardrail::kErrors, Guardrail::kLatency}) {
      EXPECT_EQ(std::bit_cast<std::uint64_t>(first.log_e(guardrail)),
                std::bit_cast<std::uint64_t>(second.log_e(guardrail)));
      EXPECT_EQ(first.counted(guardrail), second.counted(guardrail));
      EXPECT_EQ(first.repeats(guardrail), second.repeats(guardrail));
    }
  }
}

TEST(judging_judge, it_is_a_value_and_its_copy_goes_its_own_way) {
  Judge judge(JudgeOptions{});
  judge.take(event(true, 1));
  Judge copy = judge;
  judge.take(event(true, 2));
  copy.take(event(false, 2));
  EXPECT_LT(copy.log_e(Guardrail::kErrors), judge.log_e(Guardrail::kErrors));
  copy = judge;
  EXPECT_EQ(copy.log_e(Guardrail::kErrors), judge.log_e(Guardrail::kErrors));
}

TEST(judging_judge, a_non_finite_answer_of_the_canary_is_enough) {
  Judge judge(JudgeOptions{});
  const auto taken = judge.take(event(true, 1, BadKind::kNonFinite));
  REQUIRE(taken.verdict.has_value());
  EXPECT(taken.verdict->rolls_back);
  EXPECT(taken.verdict->cause == Cause::kNonFinite);
}

TEST(judging_judge, a_non_finite_answer_is_seen_although_its_key_had_failed_before) {
  Judge judge(JudgeOptions{});
  judge.take(event(true, 1, BadKind::kTimeout));
  const auto taken = judge.take(event(true, 1, BadKind::kNonFinite));
  EXPECT(!taken.counts);
  REQUIRE(taken.verdict.has_value());
  EXPECT(taken.verdict->cause == Cause::kNonFinite);
}

TEST(judging_judge, non_finite_answers_break_nothing_where_the_baseline_has_them_or_has_nothing) {
  Judge shared(JudgeOptions{});
  shared.take(event(false, 1, BadKind::kNonFinite));
  EXPECT(!shared.take(event(true, 2, BadKind::kNonFinite)).verdict.has_value());
  Judge alone(JudgeOptions{});
  BadEvent one = event(true, 1, BadKind::kNonFinite);
  one.baseline_good = 0;
  EXPECT(!alone.take(one).verdict.has_value());
  JudgeOptions options;
  options.breaks_on_non_finite = false;
  EXPECT(!Judge(options).take(event(true, 1, BadKind::kNonFinite)).verdict.has_value());
}

TEST(judging_judge, a_canary_whose_first_keys_all_fail_is_rolled_back) {
  Judge judge(JudgeOptions{});
  EXPECT(!judge.take(at_first(true, 1, 10)).verdict.has_value());
  EXPECT(!judge.take(at_first(true, 2, 11)).verdict.has_value());
  const auto taken = judge.take(at_first(true, 3, 12));
  REQUIRE(taken.verdict.has_value());
  EXPECT(taken.verdict->rolls_back);
  EXPECT(taken.verdict->cause == Cause::kFirstFailures);
}

TEST(judging_judge, one_client_that_tries_again_is_not_the_first_failures_of_many) {
  Judge judge(JudgeOptions{});
  for (int i = 0; i < 100; ++i) judge.take(at_first(true, 1, 10));
  EXPECT(!judge.verdict().has_value());
}

TEST(judging_judge, first_failures_do_not_count_once_the_canary_has_answered) {
  Judge judge(JudgeOptions{});
  judge.take(at_first(true, 1, 10));
  BadEvent later = at_first(false, 2, 20);
  later.canary_good = 1;
  judge.take(later);
  for (std::uint64_t key = 3; key < 6; ++key) {  // a server that started again counts from 0
    EXPECT(!judge.take(at_first(true, key, key)).verdict.has_value());
  }
}

TEST(judging_judge, first_failures_in_an_outage_that_both_suffer_do_not_roll_back) {
  Judge judge(JudgeOptions{});
  std::uint64_t key = 1;
  for (int i = 0; i < 20; ++i) {  // stable had answered a thousand before
    judge.take(at_first(true, key++, 1000));
    judge.take(at_first(false, key++, 1000));
  }
  EXPECT(!judge.verdict().has_value());
  judge.take(at_first(true, key++, 1020));
  EXPECT(!judge.verdict().has_value());
  judge.take(at_first(true, key++, 1021));  // stable is back for as many as it failed, and one
  REQUIRE(judge.verdict().has_value());
  EXPECT(judge.verdict()->cause == Cause::kFirstFailures);
}

TEST(judging_judge, the_breaker_of_first_failures_may_be_off) {
  JudgeOptions options;
  options.first_failures = 0;
  Judge judge(options);
  for (std::uint64_t key = 1; key <= 4; ++key) judge.take(at_first(true, key, 10 * key));
  EXPECT(!judge.verdict().has_value());
}

TEST(judging_judge, more_failed_keys_than_it_can_tell_apart_hold_the_rollout) {
  for (const std::size_t keys_max : {1U, 47U, 48U, 49U, 1000U}) {
    JudgeOptions options;
    options.keys_max = keys_max;
    Judge judge(options);
    for (std::uint64_t key = 0; key < keys_max; ++key) EXPECT(judge.take(event(false, key)).counts);
    EXPECT(!judge.take(event(false, 0)).verdict.has_value());  // known
    const auto taken = judge.take(event(false, keys_max));
    EXPECT(!taken.counts);
    REQUIRE(taken.verdict.has_value());
    EXPECT(!taken.verdict->rolls_back);
    EXPECT(taken.verdict->cause == Cause::kKeysFull);
  }
}

TEST(judging_judge, it_tells_as_many_keys_apart_as_there_are) {
  std::mt19937_64 random(6);
  Judge judge(JudgeOptions{});
  std::vector<std::uint64_t> keys;
  for (int i = 0; i < 20'000; ++i) keys.push_back(random());
  for (const std::uint64_t key : keys) EXPECT(judge.take(event(false, key)).counts);
  for (const std::uint64_t key : keys) EXPECT(!judge.take(event(false, key)).counts);
  EXPECT_EQ(judge.counted(Guardrail::kErrors), keys.size());
}

TEST(judging_judge, somebody_else_may_hold_it_before_a_verdict_and_not_after) {
  Judge judge(JudgeOptions{});
  judge.take(event(true, 1));
  judge.hold(Cause::kEventsFull, 77);
  REQUIRE(judge.verdict().has_value());
  EXPECT(!judge.verdict()->rolls_back);
  EXPECT(judge.verdict()->cause == Cause::kEventsFull);
  EXPECT_EQ(judge.verdict()->wall_ms, 77);
  EXPECT_EQ(judge.verdict()->log_e, judge.log_e(Guardrail::kErrors));
  judge.hold(Cause::kKeysFull, 78);
  EXPECT(judge.verdict()->cause == Cause::kEventsFull);
}

TEST(judging_judge, names_are_those_that_people_read) {
  EXPECT_EQ(name_of(Guardrail::kErrors), "errors");
  EXPECT_EQ(name_of(Guardrail::kLatency), "latency");
  EXPECT_EQ(name_of(BadKind::kError), "error");
  EXPECT_EQ(name_of(BadKind::kTimeout), "timeout");
  EXPECT_EQ(name_of(BadKind::kNonFinite), "non_finite");
  EXPECT_EQ(name_of(BadKind::kSlow), "slow");
  EXPECT_EQ(name_of(Cause::kEvidence), "evidence");
  EXPECT_EQ(name_of(Cause::kNonFinite), "non_finite");
  EXPECT_EQ(name_of(Cause::kFirstFailures), "first_failures");
  EXPECT_EQ(name_of(Cause::kKeysFull), "keys_full");
  EXPECT_EQ(name_of(Cause::kEventsFull), "events_full");
}

}  // namespace penstock::testing
