// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/forest_layouts.h"

namespace penstock::kernels {

GatherLayout::GatherLayout(const ForestSource& source)
    : groups_(groups_of(source.trees, source.view.targets, kGatherTrees)), leaves_(source.leaves) {}

std::unique_ptr<const GatherLayout> GatherLayout::make(const ForestSource& source) {
  const ForestView& view = source.view;
  const std::size_t filling = view.targets * kGatherTrees;
  if (view.features > kGatherFeaturesMax || view.flags.size() + filling > kGatherNodesMax) {
    return nullptr;
  }
  for (const std::uint8_t flags : view.flags) {
    if ((flags & kForestLeaf) != 0) continue;
    const bool is_nan_missing = (flags >> kForestMissingShift & kForestMissingMask) ==
                                static_cast<unsigned>(ForestMissing::kNan);
    if (!is_nan_missing || (flags & kForestCategories) != 0) return nullptr;
  }
  std::unique_ptr<GatherLayout> made(new GatherLayout(source));
  made->roots_.resize(made->groups_.tree.size());
  made->depths_.resize(made->groups_.tree.size() / kGatherTrees);
  for (std::size_t place = 0; place < made->groups_.tree.size(); ++place) {
    made->lay_out(source, place);
  }
  made->forest_ = {.features = view.features,
                   .targets = static_cast<std::uint32_t>(made->groups_.target.size() - 1),
                   .target_groups = made->groups_.target.data(),
                   .depths = made->depths_.data(),
                   .roots = made->roots_.data(),
                   .nodes = made->nodes_.data(),
                   .leaves = made->leaves_.data()};
  return made;
}

void GatherLayout::lay_out(const ForestSource& source, std::size_t place) {
  const ForestView& view = source.view;
  const auto root = static_cast<std::uint32_t>(nodes_.size());
  roots_[place] = root;
  const auto stays = [](std::uint32_t node) {
    return GatherNode{.threshold = std::numeric_limits<float>::infinity(),
                      .rest = node << kGatherChildShift | kGatherNanLeft};
  };
  nodes_.push_back(stays(root));
  leaf_numbers_.push_back(0);
  leaves_.resize(nodes_.size());
  if (groups_.tree[place] == TreeGroups::kNone) return;
  const TreeShape& shape = source.trees.shapes[groups_.tree[place]];
  std::uint32_t& depth = depths_[place / kGatherTrees];
  depth = std::max(depth, shape.depth);
  // Level by level, so that the upper ones, which all rows pass, lie together.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> level = {{shape.root, root}};
  std::vector<std::pair<std::uint32_t, std::uint32_t>> next;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> leaves;
  while (!level.empty()) {
    for (const auto& [node, at] : level) {
      if ((view.flags[node] & kForestLeaf) != 0) {
        nodes_[at] = stays(at);
        leaves_.set(at, view.leaf_values[view.left[node]]);
        leaves.emplace_back(node, at);
        continue;
      }
      const auto child = static_cast<std::uint32_t>(nodes_.size());
      const bool is_left = (view.flags[node] & kForestMissingLeft) != 0;
      nodes_[at] = {
          .threshold = rounded_down<float>(view.threshold[node]),
          .rest = child << kGatherChildShift | (is_left ? kGatherNanLeft : 0) | view.feature[node]};
      nodes_.resize(nodes_.size() + 2);
      leaf_numbers_.resize(nodes_.size());
      leaves_.resize(nodes_.size());
      next.emplace_back(view.left[node], child);
      next.emplace_back(view.right[node], child + 1);
    }
    level.swap(next);
    next.clear();
  }
  if (source.leaves != ForestLeaves::kExits) return;
  std::ranges::sort(leaves);
  std::uint32_t number = 0;
  for_each_in_order(view, shape.root, [&](std::uint32_t node) {
    if ((view.flags[node] & kForestLeaf) == 0) return;
    const auto found =
        std::ranges::lower_bound(leaves, node, {}, [](const auto& leaf) { return leaf.first; });
    leaf_numbers_[found->second] = number++;
  });
}

std::size_t GatherLayout::bytes() const {
  return nodes_.size() * sizeof(GatherNode) + leaf_numbers_.size() * 4 + leaves_.bytes();
}

}  // namespace penstock::kernels
