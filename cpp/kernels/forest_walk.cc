// SPDX-License-Identifier: Apache-2.0
#include "kernels/forest_walk.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace penstock::kernels {
namespace {

// Nodes of which NaN goes right and nothing else is unusual have no flags.
constexpr std::uint32_t kLooksCloser = 256;  // at every value
constexpr std::uint32_t kStays = 512;

}  // namespace

template <class In>
WalkLayout<In>::WalkLayout(const ForestSource& source)
    : leaves_kind_(source.leaves),
      groups_(groups_of(source.trees, source.view.targets, kTrees)),
      depths_(groups_.tree.size() / kTrees),
      roots_(groups_.tree.size()),
      words_(source.view.category_words.begin(), source.view.category_words.end()) {
  for (std::size_t place = 0; place < roots_.size(); ++place) lay_out(source, place);
}

template <class In>
void WalkLayout<In>::lay_out(const ForestSource& source, std::size_t place) {
  const ForestView& view = source.view;
  const auto stays = [](std::uint32_t at) {
    Node node{{std::numeric_limits<In>::infinity()}, at, 0, kStays};
    return node;
  };
  const auto grow = [&](std::size_t count) {
    nodes_.resize(nodes_.size() + count, stays(0));
    if (leaves_kind_ == ForestLeaves::kDoubles) {
      doubles_.resize(nodes_.size(), kNoLeaf);
    } else if (leaves_kind_ == ForestLeaves::kExits) {
      leaf_numbers_.resize(nodes_.size());
    } else {
      floats_.resize(nodes_.size(), static_cast<float>(kNoLeaf));
    }
  };
  const auto root = static_cast<std::uint32_t>(nodes_.size());
  roots_[place] = root;
  grow(1);
  nodes_[root] = stays(root);
  if (groups_.tree[place] == TreeGroups::kNone) return;
  const TreeShape& shape = source.trees.shapes[groups_.tree[place]];
  std::uint32_t& depth = depths_[place / kTrees];
  depth = std::max(depth, shape.depth);

  using Pair = std::pair<std::uint32_t, std::uint32_t>;  // a node of the view, and where it stands
  std::vector<Pair> level = {{shape.root, root}};
  std::vector<Pair> next;
  std::vector<Pair> leaves;
  while (!level.empty()) {
    for (const auto& [node, at] : level) {
      const std::uint8_t flags = view.flags[node];
      if ((flags & kForestLeaf) != 0) {
        nodes_[at] = stays(at);
        const double value = view.leaf_values[view.left[node]];
        if (leaves_kind_ == ForestLeaves::kDoubles) {
          doubles_[at] = value;
        } else if (leaves_kind_ != ForestLeaves::kExits) {
          floats_[at] = static_cast<float>(value);
        }
        leaves.emplace_back(node, at);
        continue;
      }
      const bool is_test_of_set = (flags & kForestCategories) != 0;
      const bool zero_is_missing = (flags >> kForestMissingShift & kForestMissingMask) ==
                                   static_cast<unsigned>(ForestMissing::kNanAndZero);
      const auto child = static_cast<std::uint32_t>(nodes_.size());
      Node& made = nodes_[at];
      if (is_test_of_set) {
        made.set = static_cast<std::uint32_t>(view.threshold[node]);
      } else {
        made.threshold = rounded_down<In>(view.threshold[node]);
      }
      made.child = child;
      made.feature = view.feature[node];
      made.flags = flags | (is_test_of_set || zero_is_missing ? kLooksCloser : 0);
      next.emplace_back(view.left[node], child);
      next.emplace_back(view.right[node], child + 1);
      grow(2);
    }
    level.swap(next);
    next.clear();
  }
  if (leaves_kind_ != ForestLeaves::kExits) return;
  std::ranges::sort(leaves);
  std::uint32_t number = 0;
  for_each_in_order(view, shape.root, [&](std::uint32_t node) {
    if ((view.flags[node] & kForestLeaf) == 0) return;
    const auto found = std::ranges::lower_bound(leaves, node, {}, &Pair::first);
    leaf_numbers_[found->second] = number++;
  });
}

template <class In>
bool WalkLayout<In>::goes_right_unusually(const Node& node, In value) const {
  if ((node.flags & kStays) != 0) return false;
  auto x = static_cast<double>(value);
  const auto missing =
      static_cast<ForestMissing>(node.flags >> kForestMissingShift & kForestMissingMask);
  if (std::isnan(x) && missing == ForestMissing::kNothing) x = 0;
  if (std::isnan(x) || (missing == ForestMissing::kNanAndZero && std::abs(x) <= kForestZeroMax)) {
    return (node.flags & kForestMissingLeft) == 0;
  }
  if ((node.flags & kForestCategories) == 0) return !(static_cast<In>(x) <= node.threshold);
  const double whole = std::trunc(x);
  if (!(whole >= 0) || whole >= 32.0 * words_[node.set]) return true;
  const auto category = static_cast<std::size_t>(whole);
  return (words_[node.set + 1 + category / 32] >> category % 32 & 1) == 0;
}

template <class In>
inline std::uint32_t WalkLayout<In>::step(std::uint32_t at, const In* x) const {
  const Node& node = nodes_[at];
  const In value = x[node.feature];
  if ((node.flags & kLooksCloser) != 0 || std::isnan(value)) [[unlikely]] {
    return node.child + (goes_right_unusually(node, value) ? 1 : 0);
  }
  return node.child + (value > node.threshold ? 1 : 0);
}

template <class In>
inline void WalkLayout<In>::walk_group(std::size_t group, const In* x,
                                       std::uint32_t (&at)[kTrees]) const {
  std::copy_n(roots_.data() + group * kTrees, kTrees, at);
  for (std::uint32_t depth = depths_[group]; depth > 0; --depth) {
    for (std::uint32_t& place : at) place = step(place, x);
  }
}

template <class In>
template <class Sum>
void WalkLayout<In>::add_up(const In* x, std::size_t x_stride, std::size_t rows, Sum* sums) const {
  const Sum* values = nullptr;
  if constexpr (std::is_same_v<Sum, double>) {
    values = doubles_.data();
  } else {
    values = floats_.data();
  }
  const std::size_t targets = groups_.target.size() - 1;
  std::uint32_t at[kTrees];
  for (std::size_t target = 0; target < targets; ++target) {
    for (std::size_t group = groups_.target[target]; group < groups_.target[target + 1]; ++group) {
      for (std::size_t row = 0; row < rows; ++row) {
        walk_group(group, x + row * x_stride, at);
        Sum sum = sums[row * targets + target];
        for (const std::uint32_t leaf : at) sum += values[leaf];
        sums[row * targets + target] = sum;
      }
    }
  }
}

template <class In>
void WalkLayout<In>::tell_exits(const In* x, std::size_t x_stride, std::size_t rows,
                                std::uint32_t* exits) const {
  std::uint32_t at[kTrees];
  for (std::size_t group = 0; group < depths_.size(); ++group) {
    for (std::size_t row = 0; row < rows; ++row) {
      walk_group(group, x + row * x_stride, at);
      std::copy_n(at, kTrees, exits + row * roots_.size() + group * kTrees);
    }
  }
}

template <class In>
void WalkLayout<In>::run(const In* x, std::size_t x_stride, std::size_t rows, void* sums) const {
  switch (leaves_kind_) {
    case ForestLeaves::kDoubles: return add_up(x, x_stride, rows, static_cast<double*>(sums));
    case ForestLeaves::kExits:
      return tell_exits(x, x_stride, rows, static_cast<std::uint32_t*>(sums));
    default: return add_up(x, x_stride, rows, static_cast<float*>(sums));
  }
}

template <class In>
std::size_t WalkLayout<In>::bytes() const {
  return nodes_.size() * sizeof(Node) + floats_.size() * sizeof(float) +
         doubles_.size() * sizeof(double) + leaf_numbers_.size() * 4;
}

template class WalkLayout<float>;
template class WalkLayout<double>;

}  // namespace penstock::kernels
