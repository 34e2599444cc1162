// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/forest_layout.h"

// Of what type sums are, by what becomes of the leaves.
namespace penstock::kernels::isa {

inline constexpr ForestLeaves kFloats = ForestLeaves::kFloats;
inline constexpr ForestLeaves kDoubles = ForestLeaves::kDoubles;
inline constexpr ForestLeaves kAnyOrder = ForestLeaves::kAnyOrder;
inline constexpr ForestLeaves kExits = ForestLeaves::kExits;

template <ForestLeaves kLeaves>
struct SumOf {
  using Type = float;
};
template <>
struct SumOf<kDoubles> {
  using Type = double;
};
template <>
struct SumOf<kExits> {
  using Type = std::uint32_t;
};

}  // namespace penstock::kernels::isa
