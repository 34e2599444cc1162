// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock::drift {

inline constexpr std::size_t kProjections = 16;

// The signs of element i in all projections: bit k is set where projection k has -1. They are the
// low 16 bits of the i-th output (from 0) of SplitMix64 with the seed 0, in every process and on
// every machine.
std::uint16_t projection_signs(std::uint64_t element);

// Of one row of numbers.
struct Projected {
  float norm = 0;                            // Euclidean
  std::array<float, kProjections> values{};  // the sum of the signed numbers / sqrt(how many)
};

// Sums are taken in float64, element after element; what is NaN anywhere is NaN.
Projected project(std::span<const float> row);

}  // namespace penstock::drift
