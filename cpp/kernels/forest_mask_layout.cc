// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/forest_layouts.h"

namespace penstock::kernels {
namespace {

constexpr std::uint8_t kNeverRight = 255;
constexpr std::size_t kMaskSlots = 2;  // what a group's slots are a multiple of
constexpr std::size_t kNodeSlots = 4;  // and those that its columns and indices have room for

std::uint32_t places(std::size_t slots, std::size_t multiple) {
  return static_cast<std::uint32_t>((slots + multiple - 1) / multiple * multiple * kMaskTrees);
}

}  // namespace

MaskLayout::MaskLayout(const ForestSource& source)
    : groups_(groups_of(source.trees, source.view.targets, kMaskTrees)), leaves_(source.leaves) {}

std::unique_ptr<const MaskLayout> MaskLayout::make(const ForestSource& source,
                                                   std::span<const ByteTest> tests,
                                                   std::size_t columns) {
  std::unique_ptr<MaskLayout> made(new MaskLayout(source));
  made->forest_.columns = columns;
  made->lay_out(source, tests);
  return made;
}

void MaskLayout::set_mask(std::size_t at, std::uint64_t mask) {
  if (forest_.mask_bits == 32) {
    masks32_[at] = static_cast<std::uint32_t>(mask);
  } else {
    masks64_[at] = mask;
  }
}

void MaskLayout::lay_out(const ForestSource& source, std::span<const ByteTest> tests) {
  const ForestView& view = source.view;
  forest_.mask_bits = source.trees.leaves_max <= 32 ? 32 : 64;
  group_nodes_.push_back(0);
  group_masks_.push_back(0);
  for (std::size_t group = 0; group < groups_.tree.size() / kMaskTrees; ++group) {
    std::size_t most = 1;
    for (std::size_t lane = 0; lane < kMaskTrees; ++lane) {
      const std::uint32_t tree = groups_.tree[group * kMaskTrees + lane];
      if (tree != TreeGroups::kNone) {
        most = std::max<std::size_t>(most, source.trees.shapes[tree].leaves - 1);
      }
    }
    group_nodes_.push_back(group_nodes_.back() + places(most, kNodeSlots));
    group_masks_.push_back(group_masks_.back() + places(most, kMaskSlots));
  }
  column_.resize(group_nodes_.back());
  index_.resize(group_nodes_.back(), kNeverRight);
  masks32_.resize(forest_.mask_bits == 32 ? group_masks_.back() : 0, UINT32_MAX);
  masks64_.resize(forest_.mask_bits == 64 ? group_masks_.back() : 0, UINT64_MAX);
  leaves_.resize(groups_.tree.size() * forest_.mask_bits);

  std::vector<std::uint32_t> leaves_below(view.flags.size());
  for (std::size_t place = 0; place < groups_.tree.size(); ++place) {
    if (groups_.tree[place] == TreeGroups::kNone) continue;
    const TreeShape& shape = source.trees.shapes[groups_.tree[place]];
    std::vector<std::uint32_t> nodes;
    for_each_in_order(view, shape.root, [&](std::uint32_t node) { nodes.push_back(node); });
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
      const bool is_leaf = (view.flags[*node] & kForestLeaf) != 0;
      leaves_below[*node] =
          is_leaf ? 1 : leaves_below[view.left[*node]] + leaves_below[view.right[*node]];
    }
    const std::size_t group = place / kMaskTrees;
    std::size_t at = place % kMaskTrees;  // of the next node, within its group
    std::size_t leaf = 0;                 // that comes next
    for (const std::uint32_t node : nodes) {
      if ((view.flags[node] & kForestLeaf) != 0) {
        leaves_.set(place * forest_.mask_bits + leaf++, view.leaf_values[view.left[node]]);
        continue;
      }
      column_[group_nodes_[group] + at] = static_cast<std::uint8_t>(tests[node].column);
      index_[group_nodes_[group] + at] = tests[node].index;
      // In order, the leaves on a node's left are those that come next.
      set_mask(group_masks_[group] + at,
               ~(((std::uint64_t{1} << leaves_below[view.left[node]]) - 1) << leaf));
      at += kMaskTrees;
    }
  }
  forest_.targets = static_cast<std::uint32_t>(groups_.target.size() - 1);
  forest_.target_groups = groups_.target.data();
  forest_.group_nodes = group_nodes_.data();
  forest_.group_masks = group_masks_.data();
  forest_.column = column_.data();
  forest_.index = index_.data();
  forest_.masks = forest_.mask_bits == 32 ? static_cast<const void*>(masks32_.data())
                                          : static_cast<const void*>(masks64_.data());
  forest_.leaves = leaves_.data();
}

std::size_t MaskLayout::bytes() const {
  return 2 * column_.size() + masks32_.size() * 4 + masks64_.size() * 8 + leaves_.bytes();
}

}  // namespace penstock::kernels
