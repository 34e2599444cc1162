// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/forest.h"

namespace penstock::kernels {

// One tree of a view.
struct TreeShape {
  std::uint32_t root = 0;
  std::uint32_t leaves = 0;
  std::uint32_t depth = 0;
  std::uint32_t target = 0;  // that its leaves add to, if all add to one
};

// Trees of a view, in an order in which kernels add them up.
struct Trees {
  std::vector<TreeShape> shapes;
  bool have_own_targets = true;  // each adds to one; then they are sorted by it
  std::uint32_t leaves_max = 0;
  std::uint32_t depth_max = 0;
};

Trees trees_of(const ForestView& view);

// Trees side by side in groups of equally many; a group's trees have one target.
struct TreeGroups {
  static constexpr std::uint32_t kNone = UINT32_MAX;

  std::vector<std::uint32_t> tree;    // [groups][lanes], kNone to fill up
  std::vector<std::uint32_t> target;  // [targets + 1]: the first group of each
};

TreeGroups groups_of(const Trees& trees, std::uint32_t targets, std::size_t lanes);

// What the leaf of a filled-up place holds: it changes no sum.
inline constexpr double kNoLeaf = -0.0;

// The nodes of a tree below `node`, leaves among them, each before its children and the left ones
// first.
template <class Visit>
void for_each_in_order(const ForestView& view, std::uint32_t root, Visit visit) {
  std::vector<std::uint32_t> open = {root};
  while (!open.empty()) {
    const std::uint32_t node = open.back();
    open.pop_back();
    visit(node);
    if ((view.flags[node] & kForestLeaf) != 0) continue;
    open.push_back(view.right[node]);
    open.push_back(view.left[node]);
  }
}

}  // namespace penstock::kernels
