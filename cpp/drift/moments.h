// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>

#include "drift/block.h"

namespace penstock::drift {

// What sums are taken to, and what counts as outside. A number lies below `minimum` or above
// `maximum`, which are infinite where they are unknown.
struct Bounds {
  double shift = 0;
  float minimum = -std::numeric_limits<float>::infinity();
  float maximum = std::numeric_limits<float>::infinity();
};

// The float32 bounds that a float32 number is outside of exactly if it is outside of these.
float least_within(double minimum);
float greatest_within(double maximum);

// Of finite numbers: what is neither missing nor infinite.
struct Moments {
  double sum = 0;      // of the differences to Bounds::shift
  double squares = 0;  // and of their squares
  float least = std::numeric_limits<float>::infinity();
  float greatest = -std::numeric_limits<float>::infinity();
  std::uint32_t below = 0;
  std::uint32_t above = 0;

  void add(const Block& block, const Bounds& bounds);
};

}  // namespace penstock::drift
