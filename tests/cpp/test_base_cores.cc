// SPDX-License-Identifier: Apache-2.0
#include "base/cores.h"
#include "harness.h"

using namespace penstock;
using base::cores_within;

TEST(base_cores, a_quota_is_rounded_up_to_whole_cores) {
  EXPECT_EQ(cores_within("200000 100000\n", 8), 2U);
  EXPECT_EQ(cores_within("150000 100000\n", 8), 2U);
  EXPECT_EQ(cores_within("50000 100000\n", 8), 1U);
  EXPECT_EQ(cores_within("0 100000\n", 8), 1U);
}

TEST(base_cores, a_quota_of_more_than_there_are_bounds_nothing) {
  EXPECT_EQ(cores_within("1600000 100000\n", 8), 8U);
  EXPECT_EQ(cores_within("18446744073709551615 1\n", 8), 8U);
}

TEST(base_cores, text_that_is_no_quota_bounds_nothing) {
  for (const char* text : {"", "max 100000\n", "200000", "200000 ", "200000 0\n", "x y",
                           "-1 100000", "99999999999999999999 100000", "200000\t100000"}) {
    EXPECT_EQ(cores_within(text, 8), 8U);
  }
}

TEST(base_cores, there_is_always_one) {
  EXPECT_EQ(cores_within("", 0), 1U);
  EXPECT_NE(base::usable_cores(), 0U);
}
