// SPDX-License-Identifier: Apache-2.0
#include "judging/event_test.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace penstock::judging {

// With d(theta) = 1 - rho + rho theta, p(theta) / p(theta0) is theta / theta0 x d(theta0) /
// d(theta), and (1 - p(theta)) / (1 - p(theta0)) is d(theta0) / d(theta).
void EventTest::add(bool is_canary, double rho) {
  const double d0 = 1.0 - rho + rho * theta0_;
  for (std::size_t i = 0; i < kRatios.size(); ++i) {
    const double quotient = d0 / (1.0 - rho + rho * theta0_ * kRatios[i]);
    logs_[i] += std::log(is_canary ? kRatios[i] * quotient : quotient);
  }
}

double EventTest::log_e() const {
  const double largest = *std::ranges::max_element(logs_);
  double sum = 0.0;
  for (const double log : logs_) sum += std::exp(log - largest);
  return largest + std::log(sum / static_cast<double>(logs_.size()));
}

}  // namespace penstock::judging
