// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/forest_layouts.h"

namespace penstock::kernels {

// Walks down from the roots in plain C++: any forest, on any machine. Eight trees at a time, since
// a step waits for memory and not for arithmetic; a block of rows passes eight trees before the
// next eight.
template <class In>
class WalkLayout {
 public:
  static constexpr std::size_t kTrees = 8;

  explicit WalkLayout(const ForestSource& source);

  // `sums` is [row][target], of the type that `leaves` says; exits are uint32, [row][group][8], the
  // number of the node.
  void run(const In* x, std::size_t x_stride, std::size_t rows, void* sums) const;

  std::size_t trees() const { return groups_.tree.size(); }
  std::uint32_t leaf_at(std::size_t node) const { return leaf_numbers_[node]; }
  std::size_t bytes() const;

 private:
  // The right child stands behind the left one; leaves are their own left children.
  struct Node {
    union {
      In threshold;
      std::uint32_t set;  // of a category test
    };
    std::uint32_t child = 0;
    std::uint32_t feature = 0;
    std::uint32_t flags = 0;
  };

  void lay_out(const ForestSource& source, std::size_t place);
  std::uint32_t step(std::uint32_t node, const In* x) const;
  bool goes_right_unusually(const Node& node, In value) const;
  template <class Sum>
  void add_up(const In* x, std::size_t x_stride, std::size_t rows, Sum* sums) const;
  void tell_exits(const In* x, std::size_t x_stride, std::size_t rows, std::uint32_t* exits) const;
  void walk_group(std::size_t group, const In* x, std::uint32_t (&at)[kTrees]) const;

  ForestLeaves leaves_kind_;
  TreeGroups groups_;
  std::vector<std::uint32_t> depths_;
  std::vector<std::uint32_t> roots_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> words_;
  std::vector<float> floats_;
  std::vector<double> doubles_;
  std::vector<std::uint32_t> leaf_numbers_;  // of exits only
};

}  // namespace penstock::kernels
