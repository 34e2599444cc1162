// SPDX-License-Identifier: Apache-2.0
#include "kernels/forest_trees.h"

namespace penstock::kernels {

Trees trees_of(const ForestView& view) {
  Trees trees;
  trees.have_own_targets = !view.leaves_are_rows || view.targets == 1;
  std::vector<std::uint32_t> depth(view.flags.size());
  for (std::size_t i = 0; i < view.roots.size(); ++i) {
    const std::uint32_t root = view.roots[i];
    const std::size_t end = i + 1 < view.roots.size() ? view.roots[i + 1] : view.flags.size();
    TreeShape shape{.root = root};
    for (std::size_t node = root; node < end; ++node) {
      if ((view.flags[node] & kForestLeaf) == 0) {
        depth[view.left[node]] = depth[view.right[node]] = depth[node] + 1;
        continue;
      }
      shape.depth = std::max(shape.depth, depth[node]);
      const std::uint32_t target = view.leaves_are_rows ? 0 : view.right[node];
      if (shape.leaves++ == 0) shape.target = target;
      if (shape.target != target) trees.have_own_targets = false;
    }
    trees.leaves_max = std::max(trees.leaves_max, shape.leaves);
    trees.depth_max = std::max(trees.depth_max, shape.depth);
    trees.shapes.push_back(shape);
  }
  if (trees.have_own_targets) {
    std::ranges::stable_sort(trees.shapes, {}, &TreeShape::target);
  } else {
    for (TreeShape& shape : trees.shapes) shape.target = 0;
  }
  return trees;
}

TreeGroups groups_of(const Trees& trees, std::uint32_t targets, std::size_t lanes) {
  TreeGroups groups;
  std::uint32_t tree = 0;
  for (std::uint32_t target = 0; target < targets; ++target) {
    groups.target.push_back(static_cast<std::uint32_t>(groups.tree.size() / lanes));
    while (tree < trees.shapes.size() && trees.shapes[tree].target == target) {
      groups.tree.push_back(tree++);
    }
    groups.tree.resize((groups.tree.size() + lanes - 1) / lanes * lanes, TreeGroups::kNone);
  }
  groups.target.push_back(static_cast<std::uint32_t>(groups.tree.size() / lanes));
  return groups;
}

}  // namespace penstock::kernels
