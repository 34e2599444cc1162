// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

namespace penstock::judging {

// The event-conditional e-process (Lindon and Malek, NeurIPS 2022): given that a bad event
// happened, the arm that it happened in is a coin whose bias is the canary's share of traffic,
// unless one arm is worse. What makes both arms fail together cancels, and so do ramps.
//
// With theta the ratio of the canary's rate of bad events to the baseline's and rho the canary's
// share when the request was assigned, the next event is the canary's with probability
//   p(theta) = rho theta / (1 - rho + rho theta).
// E is the mean over theta in theta0 x kRatios of the products of p(theta) / p(theta0), or of
// (1 - p(theta)) / (1 - p(theta0)) for the baseline's events. While theta <= theta0, E exceeds
// 1 / alpha with a probability of alpha at most, however often one looks.
class EventTest {
 public:
  static constexpr std::array<double, 8> kRatios = {1.5, 2, 3, 4, 6, 10, 20, 50};

  // theta0 > 0: the ratio that is tolerated.
  explicit EventTest(double theta0 = 1.0) : theta0_(theta0) {}

  // One bad event; rho in (0, 1).
  void add(bool is_canary, double rho);
  // The natural logarithm of E.
  double log_e() const;

 private:
  double theta0_;
  std::array<double, kRatios.size()> logs_{};  // of the product for each ratio
};

}  // namespace penstock::judging
