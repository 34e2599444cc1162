// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa/forest_kinds.h"

// Leaves, once it is known where a row leaves each tree. Included after a begin_*.h.
namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE {
namespace {

// Adds up the leaves at the places of `count` trees, of which each has kTreeLeaves in the table.
// Single loads: each is on its way as soon as its own place is known, and a gather waits for all.
template <ForestLeaves kLeaves, std::size_t kTreeLeaves, class Sum, class Place>
inline Sum add_places(Sum sum, const Sum* table, const Place* places, std::size_t count) {
  std::size_t i = 0;
  if constexpr (kLeaves == kAnyOrder) {
    for (; i + 4 <= count; i += 4, table += 4 * kTreeLeaves) {
      sum += (table[places[i]] + table[kTreeLeaves + places[i + 1]]) +
             (table[2 * kTreeLeaves + places[i + 2]] + table[3 * kTreeLeaves + places[i + 3]]);
    }
  }
  for (; i < count; ++i, table += kTreeLeaves) sum += table[places[i]];
  return sum;
}

}  // namespace
}  // namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE
