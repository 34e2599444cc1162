// SPDX-License-Identifier: Apache-2.0
#include "harness.h"
#include "judging_trials.h"

namespace penstock::testing {

// The long forms of these are in tests/traffic.

TEST(judging_trials, a_good_canary_is_rolled_back_no_more_often_than_alpha_says) {
  const FalseRollbacks found = null_days(1000, 1);
  EXPECT_LE(found.share_5(), false_rollbacks_max(0.05, found.runs));
  EXPECT_LE(found.share_1(), false_rollbacks_max(0.01, found.runs));
  EXPECT_LT(0, found.at_5_percent);  // or the trial tried nothing
}

TEST(judging_trials, clients_that_try_again_or_always_fail_roll_back_no_good_canary) {
  const FalseRollbacks found = storms(200, 2, true);
  EXPECT_LE(found.share_5(), false_rollbacks_max(0.05, found.runs));
  EXPECT_LE(found.share_1(), false_rollbacks_max(0.01, found.runs));
}

TEST(judging_trials, they_would_if_each_of_their_failures_counted) {
  const FalseRollbacks found = storms(50, 3, false);
  EXPECT_LT(0.25, found.share_1());
}

TEST(judging_trials, a_bad_canary_is_found_as_soon_as_was_measured) {
  for (const BadCanary& bad : kBadCanaries) {
    const Quantiles found = time_to_detect(bad, 200, 4);
    EXPECT_LT(found.median, 1.15 * bad.median_wanted);
  }
}

}  // namespace penstock::testing
