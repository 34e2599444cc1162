// SPDX-License-Identifier: Apache-2.0
#include "drift/projection.h"

#include <cmath>

#include "drift/fingerprint.h"
#include "drift/lanes.h"

namespace penstock::drift {

std::uint16_t projection_signs(std::uint64_t element) {
  return static_cast<std::uint16_t>(mixed((element + 1) * kMixStep));
}

Projected project(std::span<const float> row) {
  constexpr std::size_t kGroups = kProjections / 2;
  Doubles sums[kGroups] = {};
  double squares = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto value = static_cast<double>(row[i]);
    squares += value * value;
    const std::uint64_t bits = projection_signs(i);
    const Longs number = as_bits<Longs>(Doubles{value, value});
    for (std::size_t k = 0; k < kGroups; ++k) {
      const Longs signs = {static_cast<std::int64_t>(bits << (63 - 2 * k)),
                           static_cast<std::int64_t>(bits << (62 - 2 * k))};
      sums[k] += as_bits<Doubles>(number ^ (signs & INT64_MIN));
    }
  }
  Projected made;
  made.norm = static_cast<float>(std::sqrt(squares));
  const double scale = std::sqrt(static_cast<double>(row.size()));
  for (std::size_t k = 0; k < kProjections; ++k) {
    made.values[k] = static_cast<float>(sums[k / 2][k % 2] / scale);
  }
  return made;
}

}  // namespace penstock::drift
