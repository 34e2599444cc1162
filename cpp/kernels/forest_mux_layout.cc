// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "kernels/forest_layouts.h"

namespace penstock::kernels {

MuxLayout::MuxLayout(const ForestSource& source)
    : groups_(groups_of(source.trees, source.view.targets, 1)), leaves_(source.leaves) {}

std::unique_ptr<const MuxLayout> MuxLayout::make(const ForestSource& source,
                                                 std::span<const ByteTest> tests) {
  if (source.trees.leaves_max > kMuxLeavesMax) return nullptr;
  std::unique_ptr<MuxLayout> made(new MuxLayout(source));
  made->number_predicates(source, tests);
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

void MuxLayout::number_predicates(const ForestSource& source, std::span<const ByteTest> tests) {
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
}

std::uint32_t MuxLayout::predicate_of(const ByteTest& test) const {
  const auto found =
      std::ranges::lower_bound(predicates_, test, {}, [](const MuxPredicate& predicate) {
        return ByteTest{.column = predicate.column, .index = predicate.index};
      });
  return static_cast<std::uint32_t>(found - predicates_.begin());
}

// Writes the operations of one tree.
class MuxLayout::TreeOps {
 public:
  TreeOps(MuxLayout& layout, const ForestView& view, std::span<const ByteTest> tests,
          const TreeShape& shape)
      : layout_(layout),
        view_(view),
        tests_(tests),
        root_(shape.root),
        leaves_below_(2 * std::size_t{shape.leaves} - 1),
        leaf_numbers_(leaves_below_.size()),
        first_op_(layout.ops_.size()) {
    for (std::uint32_t number = 0; const std::uint32_t node : in_order()) {
      if (is_leaf(node)) leaf_numbers_[node - root_] = number++;
    }
    // A node stands before its children.
    for (std::size_t i = leaves_below_.size(); i-- > 0;) {
      const auto node = static_cast<std::uint32_t>(root_ + i);
      leaves_below_[i] = is_leaf(node) ? 1 : leaves(view.left[node]) + leaves(view.right[node]);
    }
    if (!is_leaf(root_)) write(root_);
  }

  std::uint32_t leaf_number(std::uint32_t node) const { return leaf_numbers_[node - root_]; }

  std::vector<std::uint32_t> in_order() const {
    std::vector<std::uint32_t> nodes;
    for_each_in_order(view_, root_, [&](std::uint32_t node) { nodes.push_back(node); });
    return nodes;
  }

 private:
  bool is_leaf(std::uint32_t node) const { return (view_.flags[node] & kForestLeaf) != 0; }
  std::uint32_t leaves(std::uint32_t node) const { return leaves_below_[node - root_]; }

  // Returns the place of the value of `node`, which the last operation gives. A tree has
  // kMuxLeavesMax leaves at most, so this goes no deeper.
  std::uint32_t write(std::uint32_t node) {
    const std::uint32_t left = view_.left[node];
    const std::uint32_t right = view_.right[node];
    const bool keeps_right = leaves(right) >= leaves(left);
    const std::uint32_t kept = keeps_right ? right : left;
    const std::uint32_t other = keeps_right ? left : right;
    const std::uint32_t place = is_leaf(other) ? leaf_number(other) : write(other);
    if (is_leaf(kept)) {
      add({.keep = 2 * static_cast<std::uint32_t>(layout_.predicates_.size()),
           .other = leaf_number(kept)});
    } else {
      write(kept);
    }
    return add(
        {.keep = 2 * layout_.predicate_of(tests_[node]) + (keeps_right ? 0 : 1), .other = place});
  }

  std::uint32_t add(const MuxOp& op) {
    layout_.ops_.push_back(op);
    return layout_.forest_.most_leaves +
           static_cast<std::uint32_t>(layout_.ops_.size() - 1 - first_op_);
  }

  MuxLayout& layout_;
  const ForestView& view_;
  std::span<const ByteTest> tests_;
  std::uint32_t root_;
  std::vector<std::uint32_t> leaves_below_;  // of each node
  std::vector<std::uint32_t> leaf_numbers_;  // from the left; of each node
  std::size_t first_op_;
};

void MuxLayout::lay_out(const ForestSource& source, std::span<const ByteTest> tests,
                        const TreeShape& shape) {
  const ForestView& view = source.view;
  MuxTree tree{.first_op = static_cast<std::uint32_t>(ops_.size()),
               .first_leaf = trees_.empty() ? 0 : trees_.back().first_leaf + trees_.back().leaves,
               .leaves = static_cast<std::uint16_t>(shape.leaves)};
  leaves_.resize(std::size_t{tree.first_leaf} + tree.leaves);
  const TreeOps ops(*this, view, tests, shape);
  tree.ops = static_cast<std::uint16_t>(ops_.size() - tree.first_op);
  for (std::uint32_t i = 0; i < 2 * shape.leaves - 1; ++i) {
    const std::uint32_t node = shape.root + i;
    if ((view.flags[node] & kForestLeaf) == 0) continue;
    leaves_.set(tree.first_leaf + ops.leaf_number(node), view.leaf_values[view.left[node]]);
  }
  trees_.push_back(tree);
}

std::size_t MuxLayout::bytes() const {
  return predicates_.size() * sizeof(MuxPredicate) + trees_.size() * sizeof(MuxTree) +
         ops_.size() * sizeof(MuxOp) + leaves_.bytes();
}

}  // namespace penstock::kernels
