// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/forest.h"
#include "kernels/forest_reference.h"

// Forests that own their arrays, of dice.
namespace penstock::kernels::testing {

struct OwnedForest {
  ForestView plain;
  std::vector<std::uint32_t> roots, feature, left, right, words;
  std::vector<double> threshold, leaf_values, base;
  std::vector<std::uint8_t> flags;

  ForestView view() const {
    ForestView seen = plain;
    seen.roots = roots;
    seen.feature = feature;
    seen.left = left;
    seen.right = right;
    seen.category_words = words;
    seen.threshold = threshold;
    seen.leaf_values = leaf_values;
    seen.base = base;
    seen.flags = flags;
    return seen;
  }
};

// What to make.
struct ForestWish {
  std::uint32_t trees = 10;
  std::uint32_t features = 5;
  std::uint32_t targets = 1;
  std::uint32_t leaves_max = 31;
  std::uint32_t depth_max = 64;
  std::uint32_t thresholds = 20;  // that a feature has to choose from
  bool has_missing = false;       // NaN of its own direction, zero as missing, nothing missing
  bool has_categories = false;
  bool mixes_targets = false;  // within one tree
  bool leaves_are_rows = false;
  ForestSum sum = ForestSum::kInFloat;
  double factor = 1;
};

class ForestMaker {
 public:
  ForestMaker(const ForestWish& wish, std::uint32_t seed) : wish_(wish), engine_(seed) {}

  OwnedForest make() {
    made_.plain = {.features = wish_.features,
                   .targets = wish_.targets,
                   .leaves_are_rows = wish_.leaves_are_rows,
                   .factor = wish_.factor,
                   .sum = wish_.sum};
    for (std::uint32_t i = 0; i < wish_.targets; ++i) made_.base.push_back(number());
    if (wish_.has_categories) made_.words = {2, 0xa5a5'0f0f, 0x1, 0, 1, 0xffff'ffff};
    for (std::uint32_t tree = 0; tree < wish_.trees; ++tree) {
      made_.roots.push_back(add_node());
      target_ = below(wish_.targets);
      grow(made_.roots.back(), 1 + below(wish_.leaves_max), 0);
    }
    return made_;
  }

  // Rows that meet thresholds, and what else floats can be.
  std::vector<double> rows(std::size_t count) {
    std::vector<double> x(count * wish_.features);
    for (double& value : x) value = below(20) == 0 ? odd_value() : threshold();
    return x;
  }

 private:
  std::uint32_t below(std::uint32_t sides) { return static_cast<std::uint32_t>(engine_() % sides); }
  double number() { return (static_cast<double>(below(1U << 24)) / (1U << 23) - 1) * 3; }

  double threshold() {
    const std::uint32_t which = below(wish_.thresholds + 3);
    if (which == 0) return 0.0;
    if (which == 1) return -0.0;
    // More digits than a float has.
    return (static_cast<double>(which) - wish_.thresholds / 2.0) * 0.3;
  }

  double odd_value() {
    constexpr double kValues[] = {std::numeric_limits<double>::quiet_NaN(),
                                  std::numeric_limits<double>::infinity(),
                                  -std::numeric_limits<double>::infinity(),
                                  1e-36,
                                  -1e-40,
                                  std::numeric_limits<double>::denorm_min(),
                                  3e38,
                                  -0.0,
                                  33.7,
                                  -0.5,
                                  1e30};
    return kValues[below(std::size(kValues))];
  }

  std::uint32_t add_node() {
    made_.feature.push_back(0);
    made_.left.push_back(0);
    made_.right.push_back(0);
    made_.threshold.push_back(0);
    made_.flags.push_back(0);
    return static_cast<std::uint32_t>(made_.flags.size() - 1);
  }

  void grow(std::uint32_t node, std::uint32_t leaves, std::uint32_t depth) {
    if (leaves == 1 || depth == wish_.depth_max) return make_leaf(node);
    made_.feature[node] = below(wish_.features);
    make_test(node);
    // Mostly a chain, sometimes in halves.
    const std::uint32_t on_left = below(3) == 0 ? leaves / 2 : 1 + below(leaves - 1);
    const std::uint32_t left = add_node();
    const std::uint32_t right = add_node();
    made_.left[node] = left;
    made_.right[node] = right;
    grow(left, on_left, depth + 1);
    grow(right, leaves - on_left, depth + 1);
  }

  void make_test(std::uint32_t node) {
    if (wish_.has_missing) {
      made_.flags[node] = static_cast<std::uint8_t>((below(2) == 0 ? kForestMissingLeft : 0) |
                                                    below(3) << kForestMissingShift);
    }
    if (wish_.has_categories && below(4) == 0) {
      constexpr double kSets[] = {0, 3, 4};
      made_.flags[node] |= kForestCategories;
      made_.threshold[node] = kSets[below(3)];
      return;
    }
    made_.threshold[node] = below(30) == 0 ? 1e300 : below(30) == 0 ? -1e300 : threshold();
  }

  void make_leaf(std::uint32_t node) {
    made_.flags[node] = kForestLeaf;
    made_.left[node] = static_cast<std::uint32_t>(made_.leaf_values.size());
    made_.right[node] = wish_.mixes_targets ? below(wish_.targets) : target_;
    if (wish_.leaves_are_rows) made_.right[node] = 0;
    for (std::uint32_t i = 0; i < (wish_.leaves_are_rows ? wish_.targets : 1); ++i) {
      made_.leaf_values.push_back(below(10) == 0 ? -0.0 : number());
    }
  }

  ForestWish wish_;
  std::mt19937 engine_;
  OwnedForest made_;
  std::uint32_t target_ = 0;
};

}  // namespace penstock::kernels::testing
