// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/isa/forest_kinds.h"

// Perfect trees, once their comparisons are made. Included after a begin_*.h.
namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE {
namespace {

// The place, of 64, where a row leaves a tree whose nodes send it to the right where a bit is set.
inline std::size_t place_of(std::uint64_t right) {
  right <<= 1;  // the root is number 1
  std::uint64_t node = 1;
  for (int depth = 0; depth < 6; ++depth) {
    // node = 2 * node + bit `node` of right: the bit is read into the carry.
    asm("btq %0, %1\n\tadcq %0, %0" : "+r"(node) : "r"(right) : "cc");
  }
  return node - 64;
}

// `rights` tells of a tree's 64 nodes which send the row to the right.
template <ForestLeaves kLeaves, class Rights>
inline void leave_perfect(const PerfectForest& forest, void* sums, Rights rights) {
  using Sum = typename SumOf<kLeaves>::Type;
  const auto* const leaves = static_cast<const Sum*>(forest.leaves);
  auto* const to = static_cast<Sum*>(sums);
  const auto exit = [&](std::size_t tree) { return place_of(rights(forest.nodes + tree * 128)); };
  for (std::uint32_t target = 0; target < forest.targets; ++target) {
    const std::size_t end = forest.target_trees[target + 1];
    std::size_t tree = forest.target_trees[target];
    Sum sum = kLeaves == kExits ? 0 : to[target];
    // Four trees are on their way at once.
    for (; tree + 4 <= end; tree += 4) {
      const std::size_t a = exit(tree);
      const std::size_t b = exit(tree + 1);
      const std::size_t c = exit(tree + 2);
      const std::size_t d = exit(tree + 3);
      if constexpr (kLeaves == kExits) {
        to[tree] = static_cast<Sum>(a);
        to[tree + 1] = static_cast<Sum>(b);
        to[tree + 2] = static_cast<Sum>(c);
        to[tree + 3] = static_cast<Sum>(d);
      } else {
        const Sum* const table = leaves + tree * 64;
        if constexpr (kLeaves == kAnyOrder) {
          sum += (table[a] + table[64 + b]) + (table[128 + c] + table[192 + d]);
        } else {
          sum += table[a];
          sum += table[64 + b];
          sum += table[128 + c];
          sum += table[192 + d];
        }
      }
    }
    for (; tree < end; ++tree) {
      const std::size_t place = exit(tree);
      if constexpr (kLeaves == kExits) {
        to[tree] = static_cast<Sum>(place);
      } else {
        sum += leaves[tree * 64 + place];
      }
    }
    if constexpr (kLeaves != kExits) to[target] = sum;
  }
}

}  // namespace
}  // namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE
