// SPDX-License-Identifier: Apache-2.0
#include "kernels/forest_layouts.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace penstock::kernels {
namespace {

constexpr std::uint8_t kNeverRight = 255;
constexpr std::size_t kSlotsMultiple = 4;
constexpr std::size_t kPerfectDepth = 6;
constexpr std::size_t kPerfectLeaves = 64;
constexpr std::uint32_t kMaskLeavesMax = 64;

}  // namespace

void LeafValues::resize(std::size_t count) {
  if (leaves_ == ForestLeaves::kDoubles) {
    doubles_.resize(count, kNoLeaf);
  } else if (leaves_ != ForestLeaves::kExits) {
    floats_.resize(count, static_cast<float>(kNoLeaf));
  }
}

void LeafValues::set(std::size_t at, double value) {
  if (leaves_ == ForestLeaves::kDoubles) {
    doubles_[at] = value;
  } else if (leaves_ != ForestLeaves::kExits) {
    floats_[at] = static_cast<float>(value);
  }
}

const void* LeafValues::data() const {
  if (leaves_ == ForestLeaves::kDoubles) return doubles_.data();
  return floats_.data();
}

std::size_t LeafValues::bytes() const {
  return doubles_.size() * sizeof(double) + floats_.size() * sizeof(float);
}

// --- masks ------------------------------------------------------------------------------------

MaskLayout::MaskLayout(const ForestSource& source)
    : groups_(groups_of(source.trees, source.view.targets, kMaskTrees)), leaves_(source.leaves) {}

std::unique_ptr<const MaskLayout> MaskLayout::make(const ForestSource& source,
                                                   std::span<const ByteTest> tests,
                                                   std::size_t columns) {
  if (source.trees.leaves_max > kMaskLeavesMax) return nullptr;
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
  slots_.push_back(0);
  for (std::size_t group = 0; group < groups_.tree.size() / kMaskTrees; ++group) {
    std::size_t most = 1;
    for (std::size_t lane = 0; lane < kMaskTrees; ++lane) {
      const std::uint32_t tree = groups_.tree[group * kMaskTrees + lane];
      if (tree != TreeGroups::kNone) {
        most = std::max<std::size_t>(most, source.trees.shapes[tree].leaves - 1);
      }
    }
    const std::size_t slots = (most + kSlotsMultiple - 1) / kSlotsMultiple * kSlotsMultiple;
    slots_.push_back(slots_.back() + static_cast<std::uint32_t>(slots));
  }
  const std::size_t places = slots_.back() * kMaskTrees;
  column_.resize(places);
  index_.resize(places, kNeverRight);
  masks32_.resize(forest_.mask_bits == 32 ? places : 0, UINT32_MAX);
  masks64_.resize(forest_.mask_bits == 64 ? places : 0, UINT64_MAX);
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
    std::size_t slot = slots_[place / kMaskTrees];
    std::size_t leaf = 0;  // that comes next
    for (const std::uint32_t node : nodes) {
      if ((view.flags[node] & kForestLeaf) != 0) {
        leaves_.set(place * forest_.mask_bits + leaf++, view.leaf_values[view.left[node]]);
        continue;
      }
      const std::size_t at = slot++ * kMaskTrees + place % kMaskTrees;
      column_[at] = static_cast<std::uint8_t>(tests[node].column);
      index_[at] = tests[node].index;
      // In order, the leaves on a node's left are those that come next.
      set_mask(at, ~(((std::uint64_t{1} << leaves_below[view.left[node]]) - 1) << leaf));
    }
  }
  forest_.targets = static_cast<std::uint32_t>(groups_.target.size() - 1);
  forest_.target_groups = groups_.target.data();
  forest_.group_slots = slots_.data();
  forest_.column = column_.data();
  forest_.index = index_.data();
  forest_.masks = forest_.mask_bits == 32 ? static_cast<const void*>(masks32_.data())
                                          : static_cast<const void*>(masks64_.data());
  forest_.leaves = leaves_.data();
}

std::size_t MaskLayout::bytes() const {
  return 2 * column_.size() + masks32_.size() * 4 + masks64_.size() * 8 + leaves_.bytes();
}

// --- perfect trees ----------------------------------------------------------------------------

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

// --- multiplexers -----------------------------------------------------------------------------

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

// --- walks by gathering -----------------------------------------------------------------------

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
