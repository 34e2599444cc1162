// SPDX-License-Identifier: Apache-2.0
#include "drift/moments.h"

#include <algorithm>
#include <cmath>

#include "drift/lanes.h"

namespace penstock::drift {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Two of four lanes, with what is not finite as 0.
template <int first>
Doubles difference(Floats values, Ints finite, double shift) {
  const auto two = __builtin_shufflevector(values, values, first, first + 1);
  const Ints mask = __builtin_shufflevector(finite, finite, first, first, first + 1, first + 1);
  const Doubles wide = __builtin_convertvector(two, Doubles) - shift;
  return as_bits<Doubles>(as_bits<Longs>(wide) & as_bits<Longs>(mask));
}

}  // namespace

float least_within(double minimum) {
  const auto near = static_cast<float>(minimum);
  return static_cast<double>(near) < minimum ? std::nextafter(near, kInfinity) : near;
}

float greatest_within(double maximum) {
  const auto near = static_cast<float>(maximum);
  return static_cast<double>(near) > maximum ? std::nextafter(near, -kInfinity) : near;
}

void Moments::add(const Block& block, const Bounds& bounds) {
  Doubles sums[2] = {};
  Doubles squared[2] = {};
  Floats low = Floats{} + kInfinity;
  Floats high = Floats{} - kInfinity;
  Ints under = {};
  Ints over = {};
  for (std::size_t i = 0; i < kBlockRows; i += kLanes) {
    const Floats values = load_lanes(&block.values[i]);
    const Ints finite = are_finite(values);
    const Doubles first = difference<0>(values, finite, bounds.shift);
    const Doubles second = difference<2>(values, finite, bounds.shift);
    sums[0] += first;
    sums[1] += second;
    squared[0] += first * first;
    squared[1] += second * second;
    // Comparisons with NaN are false, and what is infinite is masked.
    const Ints is_low = finite & (values < low);
    const Ints is_high = finite & (values > high);
    low = is_low ? values : low;
    high = is_high ? values : high;
    under -= finite & (values < bounds.minimum);
    over -= finite & (values > bounds.maximum);
  }
  sum += (sums[0][0] + sums[0][1]) + (sums[1][0] + sums[1][1]);
  squares += (squared[0][0] + squared[0][1]) + (squared[1][0] + squared[1][1]);
  for (std::size_t i = 0; i < kLanes; ++i) {
    least = std::min(least, low[i]);
    greatest = std::max(greatest, high[i]);
    below += static_cast<std::uint32_t>(under[i]);
    above += static_cast<std::uint32_t>(over[i]);
  }
}

}  // namespace penstock::drift
