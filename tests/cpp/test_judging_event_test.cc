// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "harness.h"
#include "judging/event_test.h"

namespace penstock::testing {
namespace {

using judging::EventTest;

// Equal but for rounding.
bool is_near(double a, double b, double relative = 1e-12) {
  return std::abs(a - b) <= relative * std::max(1.0, std::abs(b));
}

double p(double theta, double rho) { return rho * theta / (1 - rho + rho * theta); }

}  // namespace

// The case that a test of rates cannot see, for stable has no errors.
TEST(judging_event_test, three_errors_of_a_canary_of_5_percent_are_enough_beside_a_clean_baseline) {
  EventTest test;
  test.add(true, 0.05);
  EXPECT(is_near(std::exp(test.log_e()), 5.75, 1e-3));
  test.add(true, 0.05);
  EXPECT(is_near(std::exp(test.log_e()), 51.4, 1e-3));
  test.add(true, 0.05);
  EXPECT(is_near(std::exp(test.log_e()), 579.2, 1e-3));
}

TEST(judging_event_test, it_is_the_mean_of_the_products_of_the_likelihood_ratios) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform(0.001, 0.999);
  for (const double theta0 : {1.0, 1.25, 3.0}) {
    EventTest test(theta0);
    std::array<double, EventTest::kRatios.size()> products;
    products.fill(1.0);
    for (int event = 0; event < 60; ++event) {
      const double rho = uniform(random);
      const bool is_canary = uniform(random) < rho;
      test.add(is_canary, rho);
      double mean = 0.0;
      for (std::size_t i = 0; i < products.size(); ++i) {
        const double theta = theta0 * EventTest::kRatios[i];
        products[i] *=
            is_canary ? p(theta, rho) / p(theta0, rho) : (1 - p(theta, rho)) / (1 - p(theta0, rho));
        mean += products[i] / static_cast<double>(products.size());
      }
      EXPECT(is_near(test.log_e(), std::log(mean), 1e-9));
    }
  }
}

// The law that its guarantee stands on: whatever came before, the next event multiplies E by 1 on
// average if the canary is as much worse as is tolerated, and by less if it is better.
TEST(judging_event_test, no_event_raises_it_on_average_while_the_canary_is_no_worse) {
  for (const double theta0 : {1.0, 1.5}) {
    for (const double rho : {0.0001, 0.01, 0.05, 0.25, 0.5, 0.9, 0.9999}) {
      EventTest before(theta0);
      for (int i = 0; i < 20; ++i) before.add(i % 3 == 0, 0.3);
      EventTest canary = before;
      EventTest baseline = before;
      canary.add(true, rho);
      baseline.add(false, rho);
      for (const double part : {1.0, 0.8, 0.1}) {
        const double of_canary = p(theta0 * part, rho);
        const double mean = of_canary * std::exp(canary.log_e() - before.log_e()) +
                            (1 - of_canary) * std::exp(baseline.log_e() - before.log_e());
        if (part == 1.0) {
          EXPECT(is_near(mean, 1.0, 1e-9));
        } else {
          EXPECT_LT(mean, 1.0);
        }
      }
    }
  }
}

TEST(judging_event_test, it_begins_at_one) { EXPECT_EQ(EventTest().log_e(), 0.0); }

TEST(judging_event_test, a_coin_that_can_fall_on_one_side_only_says_nothing) {
  EventTest test;
  test.add(true, 1.0);
  test.add(false, 0.0);
  EXPECT(is_near(test.log_e(), 0.0));
}

TEST(judging_event_test, many_events_overflow_nothing) {
  EventTest worse;
  EventTest better;
  for (int i = 0; i < 100'000; ++i) {
    worse.add(true, 0.0001);
    better.add(false, 0.9999);
  }
  EXPECT(std::isfinite(worse.log_e()));
  EXPECT_LT(3.9e5, worse.log_e());
  EXPECT(std::isfinite(better.log_e()));
  EXPECT_LT(better.log_e(), -4e4);
}

}  // namespace penstock::testing
