// SPDX-License-Identifier: Apache-2.0
#pragma once

// Trials of many simulated rollouts, judged event by event: how often a canary that is as good as
// stable is rolled back, and how long a bad one lives. Short ones are C++ tests; long ones are run
// by benchmarks/traffic/trials.cc. Only bad requests are simulated one by one.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

#include "chance.h"
#include "judging/judge.h"

namespace penstock::testing {

inline constexpr std::array<std::uint32_t, 4> kRampBp = {100, 500, 2500, 5000};

// Of `runs` rollouts, those that were rolled back for no reason, at either alpha.
struct FalseRollbacks {
  int runs = 0;
  int at_5_percent = 0;
  int at_1_percent = 0;

  double share_5() const { return static_cast<double>(at_5_percent) / runs; }
  double share_1() const { return static_cast<double>(at_1_percent) / runs; }
};

// alpha and three standard deviations of what `runs` runs show of it.
inline double false_rollbacks_max(double alpha, int runs) {
  return alpha + 3 * std::sqrt(alpha * (1 - alpha) / runs);
}

// One rollout under a judge of alpha .01; notes when one of .05 would have rolled back. The limits
// differ, and nothing else does.
class JudgedRun {
 public:
  // `key` 0: one of its own.
  void fail(double rho, bool is_canary, std::uint64_t key = 0) {
    const judging::BadEvent event{.is_canary = is_canary,
                                  .canary_bp = static_cast<std::uint32_t>(rho * 10'000 + 0.5),
                                  .both_bp = 10'000,
                                  .key_hash = key != 0 ? key : fresh_key_++ * 0x9e3779b97f4a7c15,
                                  .canary_good = static_cast<std::uint64_t>(canary_good_),
                                  .baseline_good = static_cast<std::uint64_t>(baseline_good_)};
    const auto taken = judge_.take(event);
    is_over_ = taken.verdict.has_value();
    crossed_5_ |= is_over_ || judge_.log_e(judging::Guardrail::kErrors) >= std::log(20.0);
  }
  void answer(double rho, double requests) {
    canary_good_ += rho * requests;
    baseline_good_ += (1 - rho) * requests;
  }
  bool is_over() const { return is_over_; }
  void count_in(FalseRollbacks& sum) const {
    ++sum.runs;
    sum.at_5_percent += crossed_5_;
    sum.at_1_percent += is_over_;
  }

 private:
  judging::Judge judge_{judging::JudgeOptions{}};
  std::uint64_t fresh_key_ = 1;
  double canary_good_ = 0;
  double baseline_good_ = 0;
  bool crossed_5_ = false;
  bool is_over_ = false;
};

// A day in four equal steps of kRampBp. Requests fail at a rate that swings tenfold over the day;
// and for two minutes, in one run of four right after a step, a backend of both arms fails all.
inline void run_null_day(Chance& chance, JudgedRun& run) {
  constexpr double kDay = 86'400;
  constexpr double kStep = kDay / kRampBp.size();
  constexpr double kRequestsPerSecond = 5;
  constexpr double kOutage = 120;
  constexpr double kFailuresPerSecond = 250 / kDay;
  const double swing = std::sqrt(10.0);
  const double phase = chance.uniform() * 2 * std::numbers::pi;
  double outage = chance.uniform() * kDay;
  if (chance.is(0.25)) outage = std::floor(outage / kStep) * kStep + 5 * chance.uniform();
  double now = 0;
  while (now < kDay && !run.is_over()) {
    const bool is_out = now >= outage && now < outage + kOutage;
    const double rho = kRampBp[static_cast<std::size_t>(now / kStep)] / 10'000.0;
    const double fastest = is_out ? kRequestsPerSecond : kFailuresPerSecond * swing;
    const double next_change = is_out ? outage + kOutage : now < outage ? outage : kDay;
    const double next_step = (std::floor(now / kStep) + 1) * kStep;
    const double until = std::min({now + chance.wait(fastest), next_change, next_step, kDay});
    if (!is_out) run.answer(rho, (until - now) * kRequestsPerSecond);
    now = until;
    if (now == next_change || now == next_step || now >= kDay) continue;
    const double level = std::pow(swing, std::sin(phase + 2 * std::numbers::pi * now / kDay));
    if (is_out || chance.is(level / swing)) run.fail(rho, chance.is(rho));
  }
}

inline FalseRollbacks null_days(int runs, std::uint64_t seed) {
  FalseRollbacks sum;
  for (int i = 0; i < runs; ++i) {
    Chance chance(seed + static_cast<std::uint64_t>(i));
    JudgedRun run;
    run_null_day(chance, run);
    run.count_in(sum);
  }
  return sum;
}

// Four hours in four equal steps. Some requests fail, and their clients try ten times; and twenty
// clients fail once a minute, always. All stay in the arm that their bucket gives them.
inline void run_storm(Chance& chance, JudgedRun& run, bool is_deduped) {
  constexpr int kMinutes = 240;
  constexpr double kFailuresPerMinute = 1;
  constexpr int kTries = 10;
  std::array<double, 20> buckets;
  for (double& bucket : buckets) bucket = chance.uniform();
  std::uint64_t key = 1;
  for (int minute = 0; minute < kMinutes && !run.is_over(); ++minute) {
    const double rho = kRampBp[static_cast<std::size_t>(minute) * 4 / kMinutes] / 10'000.0;
    run.answer(rho, 6000);
    for (std::size_t i = 0; i < buckets.size() && !run.is_over(); ++i) {
      run.fail(rho, buckets[i] < rho, is_deduped ? ~std::uint64_t{i} : 0);
    }
    for (double left = 1; (left -= chance.wait(kFailuresPerMinute)) > 0 && !run.is_over(); ++key) {
      const bool is_canary = chance.is(rho);
      for (int i = 0; i < kTries && !run.is_over(); ++i) {
        run.fail(rho, is_canary, is_deduped ? key * 0xd1342543de82ef95 : 0);
      }
    }
  }
}

inline FalseRollbacks storms(int runs, std::uint64_t seed, bool is_deduped) {
  FalseRollbacks sum;
  for (int i = 0; i < runs; ++i) {
    Chance chance(seed + static_cast<std::uint64_t>(i));
    JudgedRun run;
    run_storm(chance, run, is_deduped);
    run.count_in(sum);
  }
  return sum;
}

// A canary that fails `ratio` times as many requests as stable, which fails .5 % of them.
struct BadCanary {
  std::uint32_t share_bp = 0;
  double ratio = 0;
  double median_wanted = 0;  // requests until the verdict, of both arms
};

// What the design measured, in requests.
inline constexpr std::array<BadCanary, 5> kBadCanaries = {
    {{100, 4, 40'600}, {500, 2, 58'100}, {500, 4, 8'300}, {500, 10, 1'800}, {5000, 1.5, 43'500}}};

struct Quantiles {
  double median = 0;
  double p90 = 0;
};

inline double requests_until_verdict(const BadCanary& bad, Chance& chance) {
  constexpr double kBase = 0.005;
  const double rho = bad.share_bp / 10'000.0;
  const double weight = 1 - rho + rho * bad.ratio;
  judging::JudgeOptions options;
  options.first_failures = 0;  // the evidence alone
  judging::Judge judge(options);
  double requests = 0;
  for (std::uint64_t key = 1; !judge.verdict(); ++key) {
    requests += chance.tries(kBase * weight);
    judge.take({.is_canary = chance.is(rho * bad.ratio / weight),
                .canary_bp = bad.share_bp,
                .both_bp = 10'000,
                .key_hash = key * 0x9e3779b97f4a7c15});
  }
  return requests;
}

inline Quantiles time_to_detect(const BadCanary& bad, int runs, std::uint64_t seed) {
  std::vector<double> requests;
  for (int i = 0; i < runs; ++i) {
    Chance chance(seed + static_cast<std::uint64_t>(i));
    requests.push_back(requests_until_verdict(bad, chance));
  }
  std::ranges::sort(requests);
  return {.median = requests[requests.size() / 2], .p90 = requests[requests.size() * 9 / 10]};
}

}  // namespace penstock::testing
