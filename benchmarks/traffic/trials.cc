// SPDX-License-Identifier: Apache-2.0
// The long forms of the trials in tests/cpp/{judging,routing}_trials.h.
//
//   trials null_days|storms|storms_counted|detection RUNS
//   trials uniformity|shares|ramp|salts KEYS
//
// Prints a line per figure: its name, a tab and its value.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "judging_trials.h"
#include "routing_trials.h"

// The tests' harness asks for it; here nothing goes on after a failure.
void penstock::testing::fail(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  std::exit(1);
}

namespace {

using namespace penstock::testing;

constexpr std::uint64_t kSeed = 1'000'000;

void tell(const std::string& figure, double value) {
  std::printf("%s\t%.10g\n", figure.c_str(), value);
}

void tell(const FalseRollbacks& found) {
  tell("false_rollbacks_at_5_percent", found.share_5());
  tell("false_rollbacks_at_1_percent", found.share_1());
  tell("most_at_5_percent", false_rollbacks_max(0.05, found.runs));
  tell("most_at_1_percent", false_rollbacks_max(0.01, found.runs));
}

void tell_detection(int runs) {
  for (const BadCanary& bad : kBadCanaries) {
    const Quantiles found = time_to_detect(bad, runs, kSeed);
    char name[64];
    std::snprintf(name, sizeof name, "share_%u_bp_ratio_%g_", bad.share_bp, bad.ratio);
    tell(name + std::string("median_requests"), found.median);
    tell(name + std::string("p90_requests"), found.p90);
    tell(name + std::string("median_wanted"), bad.median_wanted);
  }
}

void tell_shares(std::uint64_t keys) {
  for (const std::uint32_t share_bp : {1U, 100U, 500U, 2500U, 5000U}) {
    tell("share_" + std::to_string(share_bp) + "_bp_worst_error_sd",
         worst_share_error(keys, share_bp, kSeed + share_bp));
  }
}

bool run(std::string_view trial, std::uint64_t count) {
  const int runs = static_cast<int>(count);
  if (trial == "null_days") {
    tell(null_days(runs, kSeed));
  } else if (trial == "storms") {
    tell(storms(runs, kSeed, true));
  } else if (trial == "storms_counted") {
    tell(storms(runs, kSeed, false));
  } else if (trial == "detection") {
    tell_detection(runs);
  } else if (trial == "uniformity") {
    tell("chance_of_chi_square", uniformity(count, kSeed));
  } else if (trial == "shares") {
    tell_shares(count);
  } else if (trial == "ramp") {
    tell("moved_keys", static_cast<double>(moved_by_ramp(count, kSeed)));
  } else if (trial == "salts") {
    tell("correlation", correlation_of_salts(count, kSeed, kSeed + 1));
  } else {
    return false;
  }
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 3 && run(arguments[1], std::strtoull(arguments[2], nullptr, 10))) return 0;
  std::fprintf(stderr, "usage: %s TRIAL COUNT\n", arguments[0]);
  return 2;
}
