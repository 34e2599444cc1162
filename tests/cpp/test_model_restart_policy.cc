// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "harness.h"
#include "model/restart_policy.h"

namespace penstock::model {
namespace {

using base::kMillisecond;
using base::kSecond;

constexpr RestartSettings kSettings{
    .first_wait_ns = 100 * kMillisecond, .wait_ns_max = kSecond, .healthy_ns = 30 * kSecond};

TEST(model_restart_policy, the_wait_doubles_with_each_death_in_a_row_up_to_the_most) {
  RestartBackoff backoff;
  std::vector<base::Nanos> waits;
  for (int i = 0; i < 7; ++i) {
    backoff = backoff.after_death(kSecond, kSettings);
    waits.push_back(backoff.wait_ns / kMillisecond);
  }
  EXPECT_EQ(waits, (std::vector<base::Nanos>{100, 200, 400, 800, 1000, 1000, 1000}));
  EXPECT_EQ(backoff.deaths, 7);
}

TEST(model_restart_policy, a_stretch_of_health_makes_earlier_deaths_forgotten) {
  RestartBackoff backoff;
  for (int i = 0; i < 5; ++i) backoff = backoff.after_death(0, kSettings);
  EXPECT_EQ(backoff.after_death(30 * kSecond - 1, kSettings).deaths, 6);
  const RestartBackoff healthy = backoff.after_death(30 * kSecond, kSettings);
  EXPECT(healthy == (RestartBackoff{.deaths = 1, .wait_ns = 100 * kMillisecond}));
}

TEST(model_restart_policy, no_wait_overflows) {
  constexpr RestartSettings kEndless{
      .first_wait_ns = base::kNever / 2 + 1, .wait_ns_max = base::kNever, .healthy_ns = kSecond};
  RestartBackoff backoff;
  for (int i = 0; i < 3; ++i) backoff = backoff.after_death(0, kEndless);
  EXPECT_EQ(backoff.wait_ns, base::kNever);
}

}  // namespace
}  // namespace penstock::model
