// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "kernels/forest_layouts.h"

namespace penstock::kernels {

MuxLayout::MuxLayout(const ForestSource& source)
    : groups_(groups_of(source.trees, source.view.targets, 1)), leaves_(source.leaves) {}

std::unique_ptr<const MuxLayout> MuxLayout::make(const ForestSource& source,
                                                 std::span<const ByteTest> tests) {
  if (source.trees.leaves_max > kMuxLeavesMax) return nullptr;
  std::unique_ptr<MuxLayout> made(new MuxLayout(source));
  if (!made->number_predicates(source, tests)) return nullptr;
  made->forest_.most_leaves = source.trees.leaves_max;
  for (const std::uint32_t tree : made->groups_.tree) {
    made->lay_out(source, tests, source.trees.shapes[tree]);
  }
  const MuxTree& last = made->trees_.back();
  made->leaves_.resize(last.first_leaf + last.leaves + kBlockRows);
  made->forest_.targets = static_cast<std::uint32_t>(made->groups_.target.size() - 1);
  made->forest_.target_trees = made->groups_.target.data();
  made->forest_.predicates = made->predicates_.data();
  made->forest_.predicate_count = made->predicates_.size();
  made->forest_.trees = made->trees_.data();
  made->forest_.ops = made->ops_.data();
  made->forest_.leaves = made->leaves_.data();
  return made;
}

bool MuxLayout::number_predicates(const ForestSource& source, std::span<const ByteTest> tests) {
  for (std::size_t node = 0; node < tests.size(); ++node) {
    if ((source.view.flags[node] & kForestLeaf) != 0) continue;
    predicates_.push_back({.column = tests[node].column, .index = tests[node].index});
  }
  const auto order = [](const MuxPredicate& a, const MuxPredicate& b) {
    return a.column != b.column ? a.column < b.column : a.index < b.index;
  };
  std::ranges::sort(predicates_, order);
  const auto repeated = std::ranges::unique(
      predicates_, [&](const auto& a, const auto& b) { return !order(a, b) && !order(b, a); });
  predicates_.erase(repeated.begin(), repeated.end());
  return predicates_.size() <= std::size_t{UINT16_MAX} + 1;
}

void MuxLayout::lay_out(const ForestSource& source, std::span<const ByteTest> tests,
                        const TreeShape& shape) {
  const ForestView& view = source.view;
  MuxTree tree{.first_op = static_cast<std::uint32_t>(ops_.size()),
               .first_leaf = trees_.empty() ? 0 : trees_.back().first_leaf + trees_.back().leaves,
               .ops = static_cast<std::uint16_t>(shape.leaves - 1),
               .leaves = static_cast<std::uint16_t>(shape.leaves)};
  leaves_.resize(std::size_t{tree.first_leaf} + tree.leaves);
  const auto predicate_of = [&](const ByteTest& test) {
    const auto found =
        std::ranges::lower_bound(predicates_, test, {}, [](const MuxPredicate& predicate) {
          return ByteTest{.column = predicate.column, .index = predicate.index};
        });
    return static_cast<std::uint16_t>(found - predicates_.begin());
  };
  // Leaves are numbered from the left; operations follow from the bottom up, so a node's children
  // are known before it.
  std::vector<std::uint32_t> nodes;
  for_each_in_order(view, shape.root, [&](std::uint32_t node) { nodes.push_back(node); });
  std::vector<std::uint16_t> value(view.flags.size() == 0 ? 0 : nodes.size());
  std::vector<std::pair<std::uint32_t, std::uint16_t>> place;  // of a node among `nodes`
  place.reserve(nodes.size());
  for (std::uint16_t i = 0; const std::uint32_t node : nodes) place.emplace_back(node, i++);
  std::ranges::sort(place);
  const auto value_of = [&](std::uint32_t node) {
    const auto found =
        std::ranges::lower_bound(place, node, {}, [](const auto& p) { return p.first; });
    return value[found->second];
  };
  std::uint16_t leaf = tree.leaves;
  auto op = static_cast<std::uint16_t>(source.trees.leaves_max);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    const std::uint32_t node = nodes[i];
    if ((view.flags[node] & kForestLeaf) != 0) {
      value[i] = --leaf;
      leaves_.set(tree.first_leaf + leaf, view.leaf_values[view.left[node]]);
      continue;
    }
    ops_.push_back({.predicate = predicate_of(tests[node]),
                    .left = value_of(view.left[node]),
                    .right = value_of(view.right[node])});
    value[i] = op++;
  }
  trees_.push_back(tree);
}

std::size_t MuxLayout::bytes() const {
  return predicates_.size() * sizeof(MuxPredicate) + trees_.size() * sizeof(MuxTree) +
         ops_.size() * sizeof(MuxOp) + leaves_.bytes();
}

}  // namespace penstock::kernels
