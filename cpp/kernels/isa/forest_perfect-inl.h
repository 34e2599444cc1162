// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa/forest_kinds.h"
#include "kernels/isa/forest_places-inl.h"

// Perfect trees, once their comparisons are made. Included after a begin_*.h.
namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE {
namespace {

// A walk needs six steps, each of which waits for the one before: eight trees walk at once. And the
// words that they walk by are stored long before they are loaded as a vector, which would wait for
// them.
constexpr std::size_t kPerfectWalks = 8;
constexpr std::size_t kPerfectTrees = 4 * kPerfectWalks;

// `rights(nodes)` tells of a tree's 64 nodes which send the row to the right, from the root on;
// `walk(words, places)` where, of 64 places, the row leaves each of kPerfectWalks such trees.
template <ForestLeaves kLeaves, class Rights, class Walk>
inline void leave_perfect(const PerfectForest& forest, void* sums, Rights rights, Walk walk) {
  using Sum = typename SumOf<kLeaves>::Type;
  const auto* const leaves = static_cast<const Sum*>(forest.leaves);
  auto* const to = static_cast<Sum*>(sums);
  alignas(64) std::uint64_t words[kPerfectTrees] = {};
  alignas(64) std::uint64_t places[kPerfectTrees];
  for (std::uint32_t target = 0; target < forest.targets; ++target) {
    const std::size_t end = forest.target_trees[target + 1];
    Sum sum = kLeaves == kExits ? 0 : to[target];
    for (std::size_t tree = forest.target_trees[target]; tree < end; tree += kPerfectTrees) {
      const std::size_t count = end - tree < kPerfectTrees ? end - tree : kPerfectTrees;
      for (std::size_t i = 0; i < count; ++i) words[i] = rights(forest.nodes + (tree + i) * 128);
      for (std::size_t i = 0; i < count; i += kPerfectWalks) walk(words + i, places + i);
      if constexpr (kLeaves == kExits) {
        for (std::size_t i = 0; i < count; ++i) to[tree + i] = static_cast<Sum>(places[i]);
      } else {
        sum = add_places<kLeaves, 64>(sum, leaves + tree * 64, places, count);
      }
    }
    if constexpr (kLeaves != kExits) to[target] = sum;
  }
}

}  // namespace
}  // namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE
