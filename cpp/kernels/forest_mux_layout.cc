// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "kernels/forest_layouts.h"

namespace penstock::kernels {

MuxLayout::MuxLayout(const ForestSource& source) : leaves_(source.leaves) {}

std::unique_ptr<const MuxLayout> MuxLayout::make(const ForestSource& source,
                                                 std::span<const ByteTest> tests) {
  if (source.trees.leaves_max > kMuxLeavesMax) return nullptr;
  std::unique_ptr<MuxLayout> made(new MuxLayout(source));
  if (!made->number_predicates(source, tests)) return nullptr;
  made->forest_.most_leaves = source.trees.leaves_max;
  const TreeGroups groups = groups_of(source.trees, source.view.targets, 1);
  const std::span<const std::uint32_t> trees(groups.tree);
  made->target_programs_.push_back(0);
  for (std::size_t target = 0; target + 1 < groups.target.size(); ++target) {
    const std::size_t first = groups.target[target];
    made->lay_out_target(source, tests, trees.subspan(first, groups.target[target + 1] - first));
    made->target_programs_.push_back(static_cast<std::uint32_t>(made->programs_.size()));
  }
  const MuxTree& last = made->trees_.back();
  made->leaves_.resize(last.first_leaf + last.leaves + kBlockRows);
  made->forest_.targets = source.view.targets;
  made->forest_.target_programs = made->target_programs_.data();
  made->forest_.predicates = made->predicates_.data();
  made->forest_.predicate_count = made->predicates_.size();
  made->forest_.programs = made->programs_.data();
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

std::uint16_t MuxLayout::predicate_of(const ByteTest& test) const {
  const auto found =
      std::ranges::lower_bound(predicates_, test, {}, [](const MuxPredicate& predicate) {
        return ByteTest{.column = predicate.column, .index = predicate.index};
      });
  return static_cast<std::uint16_t>(found - predicates_.begin());
}

void MuxLayout::lay_out_target(const ForestSource& source, std::span<const ByteTest> tests,
                               std::span<const std::uint32_t> trees) {
  std::size_t first = 0;
  std::size_t ops = 0;
  for (std::size_t i = 0; i < trees.size(); ++i) {
    ops += source.trees.shapes[trees[i]].leaves - 1;
    if (ops < kMuxProgramOps && i + 1 < trees.size() && i + 1 - first < UINT16_MAX) continue;
    lay_out_program(source, tests, trees.subspan(first, i + 1 - first));
    first = i + 1;
    ops = 0;
  }
}

// Sets of each leaf its number, counted from the left.
void MuxLayout::lay_out_leaves(const ForestSource& source, const TreeShape& shape,
                               std::span<std::uint16_t> values) {
  const ForestView& view = source.view;
  const std::uint32_t first = trees_.empty() ? 0 : trees_.back().first_leaf + trees_.back().leaves;
  trees_.push_back({.first_leaf = first, .leaves = static_cast<std::uint16_t>(shape.leaves)});
  leaves_.resize(std::size_t{first} + shape.leaves);
  std::uint16_t number = 0;
  for_each_in_order(view, shape.root, [&](std::uint32_t node) {
    if ((view.flags[node] & kForestLeaf) == 0) return;
    leaves_.set(first + number, view.leaf_values[view.left[node]]);
    values[node - shape.root] = number++;
  });
}

void MuxLayout::lay_out_program(const ForestSource& source, std::span<const ByteTest> tests,
                                std::span<const std::uint32_t> trees) {
  const ForestView& view = source.view;
  struct Inner {
    std::uint32_t height;
    std::uint32_t node;
    std::uint32_t root;
    std::uint32_t first;  // of its tree among `values`
  };
  MuxProgram program{.first_op = static_cast<std::uint32_t>(ops_.size()),
                     .first_tree = static_cast<std::uint32_t>(trees_.size()),
                     .trees = static_cast<std::uint16_t>(trees.size())};
  std::vector<std::uint16_t> values;  // of the nodes of one tree after another
  std::vector<Inner> inner;
  std::vector<std::uint32_t> height;
  for (const std::uint32_t tree : trees) {
    const TreeShape& shape = source.trees.shapes[tree];
    const auto first = static_cast<std::uint32_t>(values.size());
    values.resize(first + 2 * std::size_t{shape.leaves} - 1);
    lay_out_leaves(source, shape, std::span(values).subspan(first));
    height.assign(values.size() - first, 0);
    // A node stands before its children.
    for (std::size_t i = height.size(); i-- > 0;) {
      const auto node = static_cast<std::uint32_t>(shape.root + i);
      if ((view.flags[node] & kForestLeaf) != 0) continue;
      height[i] =
          1 + std::max(height[view.left[node] - shape.root], height[view.right[node] - shape.root]);
      inner.push_back({.height = height[i], .node = node, .root = shape.root, .first = first});
    }
  }
  std::ranges::stable_sort(inner, {}, &Inner::height);
  for (const Inner& one : inner) {
    const auto value_of = [&](std::uint32_t node) -> std::uint16_t& {
      return values[one.first + node - one.root];
    };
    ops_.push_back({.predicate = predicate_of(tests[one.node]),
                    .left = value_of(view.left[one.node]),
                    .right = value_of(view.right[one.node])});
    value_of(one.node) = static_cast<std::uint16_t>(forest_.most_leaves + program.ops++);
  }
  for (std::size_t i = 0, first = 0; i < trees.size(); ++i) {
    trees_[program.first_tree + i].root = values[first];
    first += 2 * std::size_t{source.trees.shapes[trees[i]].leaves} - 1;
  }
  programs_.push_back(program);
}

std::size_t MuxLayout::bytes() const {
  return target_programs_.size() * sizeof(std::uint32_t) +
         predicates_.size() * sizeof(MuxPredicate) + programs_.size() * sizeof(MuxProgram) +
         trees_.size() * sizeof(MuxTree) + ops_.size() * sizeof(MuxOp) + leaves_.bytes();
}

}  // namespace penstock::kernels
