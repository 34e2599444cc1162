// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "model/artifact_step_checks.h"

namespace penstock::model::artifact {
namespace {

using base::Result;

// The arrays of a forest, one element per node, once their sizes have been found equal.
class ForestCheck {
 public:
  explicit ForestCheck(const Forest& forest)
      : forest_(forest),
        roots_(elements<std::uint32_t>(forest.roots)),
        feature_(elements<std::uint32_t>(forest.feature)),
        threshold_(elements<double>(forest.threshold)),
        left_(elements<std::uint32_t>(forest.left)),
        right_(elements<std::uint32_t>(forest.right)),
        flags_(elements<std::uint8_t>(forest.flags)),
        words_(elements<std::uint32_t>(forest.category_words)) {}

  Result<> run() {
    const std::size_t nodes = flags_.size();
    if (auto checked = check_sizes(nodes); !checked) return checked;
    if (roots_.empty() || roots_[0] != 0)
      return refuse("has a first tree that is not its first node");
    depth_.assign(nodes, kUnreached);
    for (std::size_t tree = 0; tree < roots_.size(); ++tree) {
      const std::size_t end = tree + 1 < roots_.size() ? roots_[tree + 1] : nodes;
      if (end > nodes || roots_[tree] >= end) {
        return refuse("has roots that do not ascend within its " + std::to_string(nodes) +
                      " nodes, at tree " + std::to_string(tree));
      }
      if (auto checked = check_tree(roots_[tree], end); !checked) return checked;
    }
    return {};
  }

 private:
  static constexpr std::uint32_t kUnreached = UINT32_MAX;

  Result<> check_sizes(std::size_t nodes) const {
    if (nodes > UINT32_MAX) return refuse("has more nodes than 32 bits can number");
    for (const auto& [blob, what] :
         {std::pair{forest_.feature, "feature"}, std::pair{forest_.left, "left"},
          std::pair{forest_.right, "right"}}) {
      if (auto checked = check_size(blob, nodes, sizeof(std::uint32_t), what); !checked) {
        return checked;
      }
    }
    if (auto checked = check_size(forest_.threshold, nodes, sizeof(double), "threshold");
        !checked) {
      return checked;
    }
    if (auto checked = check_size(forest_.roots, roots_.size(), sizeof(std::uint32_t), "roots");
        !checked) {
      return checked;
    }
    return check_size(forest_.category_words, words_.size(), sizeof(std::uint32_t),
                      "category_words");
  }

  // Of the nodes from `root` to before `end`: each but the root is the child of exactly one that
  // stands before it. Then there is no cycle, and every way ends at a leaf.
  Result<> check_tree(std::uint32_t root, std::size_t end) {
    depth_[root] = 0;
    for (std::uint32_t node = root; node < end; ++node) {
      if (depth_[node] == kUnreached) {
        return refuse("has node " + std::to_string(node) + ", which is no node's child");
      }
      if (depth_[node] > kTreeDepthMax) {
        return refuse("has a tree that is deeper than " + std::to_string(kTreeDepthMax));
      }
      if ((flags_[node] & kIsLeaf) != 0) {
        if (auto checked = check_leaf(node); !checked) return checked;
        continue;
      }
      if (auto checked = check_test(node); !checked) return checked;
      for (const std::uint32_t child : {left_[node], right_[node]}) {
        if (child <= node || child >= end || depth_[child] != kUnreached) {
          return refuse("has node " + std::to_string(node) + " with child " +
                        std::to_string(child) +
                        ": wanted one that stands behind it in its tree and has no other parent");
        }
        depth_[child] = depth_[node] + 1;
      }
    }
    return {};
  }

  Result<> check_leaf(std::uint32_t node) const {
    if (flags_[node] != kIsLeaf) {
      return refuse("has leaf " + std::to_string(node) + " with flags of a test");
    }
    const std::size_t values = forest_.leaf_values.size() / sizeof(double);
    const std::size_t own = forest_.leaves_are_rows ? forest_.targets : 1;
    if (own > values || left_[node] > values - own) {
      return refuse("has leaf " + std::to_string(node) + " with value " +
                    std::to_string(left_[node]) + " of " + std::to_string(values));
    }
    if (!forest_.leaves_are_rows && right_[node] >= forest_.targets) {
      return refuse("has leaf " + std::to_string(node) + " with target " +
                    std::to_string(right_[node]) + " of " + std::to_string(forest_.targets));
    }
    return {};
  }

  Result<> check_test(std::uint32_t node) const {
    constexpr unsigned kKnown =
        kIsLeaf | kIsCategoryTest | kMissingGoesLeft | kMissingMask << kMissingShift;
    const unsigned missing = flags_[node] >> kMissingShift & kMissingMask;
    if ((flags_[node] & ~kKnown) != 0 || missing > static_cast<unsigned>(Missing::kNothing)) {
      return refuse("has node " + std::to_string(node) + " with flags " +
                    std::to_string(flags_[node]) +
                    ", which this version does not know: update Penstock");
    }
    if (feature_[node] >= forest_.features) {
      return refuse("has node " + std::to_string(node) + " that tests feature " +
                    std::to_string(feature_[node]) + " of " + std::to_string(forest_.features));
    }
    const double threshold = threshold_[node];
    if ((flags_[node] & kIsCategoryTest) == 0) {
      if (!std::isnan(threshold)) return {};
      return refuse("has node " + std::to_string(node) + " with a threshold that is NaN");
    }
    // Written so that NaN fails as well.
    if (threshold >= 0 && threshold < static_cast<double>(words_.size()) &&
        threshold == std::floor(threshold)) {
      const auto at = static_cast<std::size_t>(threshold);
      if (words_[at] <= words_.size() - at - 1) return {};
    }
    return refuse("has node " + std::to_string(node) +
                  " with a category set that is not among its " + std::to_string(words_.size()) +
                  " words");
  }

  const Forest& forest_;
  std::span<const std::uint32_t> roots_;
  std::span<const std::uint32_t> feature_;
  std::span<const double> threshold_;
  std::span<const std::uint32_t> left_;
  std::span<const std::uint32_t> right_;
  std::span<const std::uint8_t> flags_;
  std::span<const std::uint32_t> words_;
  std::vector<std::uint32_t> depth_;
};

}  // namespace

Result<> check_forest(const Forest& forest, Value read, Value writes) {
  if (forest.features != read.width || forest.targets != writes.width) {
    return refuse("is of " + std::to_string(forest.features) + " features and " +
                  std::to_string(forest.targets) + " targets, but reads " +
                  std::to_string(read.width) + " columns and writes " +
                  std::to_string(writes.width));
  }
  if (forest.sum < Sum::kInFloat || forest.sum > Sum::kInAnyOrder) {
    return refuse("adds in a way that this version does not know: update Penstock");
  }
  if (!std::isfinite(forest.factor)) return refuse("has a factor that is no finite number");
  if (auto checked = check_doubles(forest.base, forest.targets, "base"); !checked) return checked;
  const std::size_t values = forest.leaf_values.size() / sizeof(double);
  if (auto checked = check_doubles(forest.leaf_values, values, "leaf_values"); !checked) {
    return checked;
  }
  return ForestCheck(forest).run();
}

}  // namespace penstock::model::artifact
