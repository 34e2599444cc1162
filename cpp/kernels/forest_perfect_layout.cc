// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/forest_layouts.h"

namespace penstock::kernels {
namespace {

constexpr std::uint8_t kNeverRight = 255;
constexpr std::size_t kPerfectDepth = 6;
constexpr std::size_t kPerfectLeaves = 64;

}  // namespace

PerfectLayout::PerfectLayout(const ForestSource& source)
    : groups_(groups_of(source.trees, source.view.targets, 1)), leaves_(source.leaves) {}

std::unique_ptr<const PerfectLayout> PerfectLayout::make(const ForestSource& source,
                                                         std::span<const ByteTest> tests,
                                                         std::size_t columns) {
  if (source.trees.depth_max > kPerfectDepth) return nullptr;
  std::unique_ptr<PerfectLayout> made(new PerfectLayout(source));
  const std::size_t trees = made->groups_.tree.size();
  made->forest_.columns = columns;
  made->nodes_.resize(trees * 2 * kPerfectLeaves);
  made->leaf_numbers_.resize(trees * kPerfectLeaves);
  made->leaves_.resize(trees * kPerfectLeaves);
  for (std::size_t tree = 0; tree < trees; ++tree) made->lay_out(source, tests, tree);
  made->forest_.targets = static_cast<std::uint32_t>(made->groups_.target.size() - 1);
  made->forest_.target_trees = made->groups_.target.data();
  made->forest_.nodes = made->nodes_.data();
  made->forest_.leaves = made->leaves_.data();
  return made;
}

void PerfectLayout::lay_out(const ForestSource& source, std::span<const ByteTest> tests,
                            std::size_t tree) {
  const ForestView& view = source.view;
  std::uint8_t* const columns = nodes_.data() + tree * 2 * kPerfectLeaves;
  std::uint8_t* const indices = columns + kPerfectLeaves;
  std::fill_n(indices, kPerfectLeaves, kNeverRight);
  // Of each node: its place in the heap, whose root is 1, and its depth.
  struct Open {
    std::uint32_t node;
    std::size_t place;
    std::size_t depth;
  };
  std::vector<Open> open = {{source.trees.shapes[groups_.tree[tree]].root, 1, 0}};
  std::uint8_t number = 0;
  while (!open.empty()) {
    const Open here = open.back();
    open.pop_back();
    if ((view.flags[here.node] & kForestLeaf) == 0) {
      columns[here.place - 1] = static_cast<std::uint8_t>(tests[here.node].column);
      indices[here.place - 1] = tests[here.node].index;
      open.push_back({view.right[here.node], 2 * here.place + 1, here.depth + 1});
      open.push_back({view.left[here.node], 2 * here.place, here.depth + 1});
      continue;
    }
    // A leaf further up has all the places below it.
    const std::size_t copies = std::size_t{1} << (kPerfectDepth - here.depth);
    const std::size_t first = tree * kPerfectLeaves + here.place * copies - kPerfectLeaves;
    for (std::size_t i = 0; i < copies; ++i) {
      leaves_.set(first + i, view.leaf_values[view.left[here.node]]);
      leaf_numbers_[first + i] = number;
    }
    ++number;
  }
}

std::size_t PerfectLayout::bytes() const {
  return nodes_.size() + leaf_numbers_.size() + leaves_.bytes();
}

}  // namespace penstock::kernels
