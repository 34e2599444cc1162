// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "harness.h"
#include "routing_trials.h"

namespace penstock::testing {

// The long forms of these are in tests/traffic.

TEST(routing_trials, keys_fall_into_all_buckets_alike) {
  const double chance = uniformity(500'000, 1);
  EXPECT_LT(0.001, chance);
  EXPECT_LT(chance, 0.999);
}

TEST(routing_trials, arms_get_the_share_that_they_have) {
  for (const std::uint32_t share_bp : {100U, 2500U}) {
    EXPECT_LE(worst_share_error(50'000, share_bp, 2), 4.0);
  }
}

TEST(routing_trials, no_key_leaves_an_arm_that_grows) { EXPECT_EQ(moved_by_ramp(20'000, 3), 0); }

TEST(routing_trials, another_salt_deals_keys_anew) {
  EXPECT_LT(std::abs(correlation_of_salts(200'000, 4, 5)), 0.009);  // four standard deviations
}

// Tables: of 10 degrees of freedom, 5 % are above 18.31; of 100, 1 % are above 135.8.
TEST(routing_trials, the_tail_of_chi_square_is_that_of_tables) {
  EXPECT_LT(std::abs(chi_square_tail(18.31, 10) - 0.05), 0.001);
  EXPECT_LT(std::abs(chi_square_tail(135.8, 100) - 0.01), 0.001);
}

}  // namespace penstock::testing
