// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/forest.h"
#include "kernels/forest_columns.h"
#include "kernels/forest_layout.h"
#include "kernels/forest_trees.h"

// From a view to the layouts of forest_layout.h. Each owns what its plain data points to, and is
// nothing for a forest that it cannot hold.
namespace penstock::kernels {

// What layouts are made of.
struct ForestSource {
  const ForestView& view;
  const Trees& trees;
  ForestLeaves leaves;
};

// Values of leaves, as one of the two types.
class LeafValues {
 public:
  explicit LeafValues(ForestLeaves leaves) : leaves_(leaves) {}

  // Makes room for so many, each of which changes no sum.
  void resize(std::size_t count);
  void set(std::size_t at, double value);
  const void* data() const;
  std::size_t bytes() const;

 private:
  ForestLeaves leaves_;
  AlignedVector<float> floats_;
  AlignedVector<double> doubles_;
};

class MaskLayout {
 public:
  // Of trees of at most 64 leaves.
  static std::unique_ptr<const MaskLayout> make(const ForestSource& source,
                                                std::span<const ByteTest> tests,
                                                std::size_t columns);
  const MaskForest& forest() const { return forest_; }
  std::size_t trees() const { return groups_.tree.size(); }
  std::size_t bytes() const;

 private:
  explicit MaskLayout(const ForestSource& source);
  void lay_out(const ForestSource& source, std::span<const ByteTest> tests);
  void set_mask(std::size_t at, std::uint64_t mask);

  TreeGroups groups_;
  std::vector<std::uint32_t> group_nodes_;
  std::vector<std::uint32_t> group_masks_;
  AlignedVector<std::uint8_t> column_;
  AlignedVector<std::uint8_t> index_;
  AlignedVector<std::uint32_t> masks32_;
  AlignedVector<std::uint64_t> masks64_;
  LeafValues leaves_;
  MaskForest forest_;
};

class PerfectLayout {
 public:
  static std::unique_ptr<const PerfectLayout> make(const ForestSource& source,
                                                   std::span<const ByteTest> tests,
                                                   std::size_t columns);
  const PerfectForest& forest() const { return forest_; }
  std::size_t trees() const { return groups_.tree.size(); }
  // The number, within its tree, of the leaf at that of its 64 places.
  std::uint32_t leaf_at(std::size_t tree, std::size_t place) const {
    return leaf_numbers_[tree * 64 + place];
  }
  std::size_t bytes() const;

 private:
  explicit PerfectLayout(const ForestSource& source);
  void lay_out(const ForestSource& source, std::span<const ByteTest> tests, std::size_t tree);

  TreeGroups groups_;
  AlignedVector<std::uint8_t> nodes_;
  std::vector<std::uint8_t> leaf_numbers_;
  LeafValues leaves_;
  PerfectForest forest_;
};

class MuxLayout {
 public:
  static std::unique_ptr<const MuxLayout> make(const ForestSource& source,
                                               std::span<const ByteTest> tests);
  const MuxForest& forest() const { return forest_; }
  std::size_t trees() const { return trees_.size(); }
  std::size_t bytes() const;

 private:
  explicit MuxLayout(const ForestSource& source);
  bool number_predicates(const ForestSource& source, std::span<const ByteTest> tests);
  std::uint16_t predicate_of(const ByteTest& test) const;
  void lay_out_target(const ForestSource& source, std::span<const ByteTest> tests,
                      std::span<const std::uint32_t> trees);
  void lay_out_program(const ForestSource& source, std::span<const ByteTest> tests,
                       std::span<const std::uint32_t> trees);
  void lay_out_leaves(const ForestSource& source, const TreeShape& shape,
                      std::span<std::uint16_t> values);

  std::vector<std::uint32_t> target_programs_;
  std::vector<MuxPredicate> predicates_;
  std::vector<MuxProgram> programs_;
  std::vector<MuxTree> trees_;
  std::vector<MuxOp> ops_;
  LeafValues leaves_;
  MuxForest forest_;
};

class GatherLayout {
 public:
  static std::unique_ptr<const GatherLayout> make(const ForestSource& source);
  const GatherForest& forest() const { return forest_; }
  std::size_t trees() const { return groups_.tree.size(); }
  // The number, within its tree, of the leaf that is that node.
  std::uint32_t leaf_at(std::size_t node) const { return leaf_numbers_[node]; }
  std::size_t bytes() const;

 private:
  explicit GatherLayout(const ForestSource& source);
  void lay_out(const ForestSource& source, std::size_t place);

  TreeGroups groups_;
  std::vector<std::uint32_t> depths_;
  AlignedVector<std::uint32_t> roots_;
  AlignedVector<GatherNode> nodes_;
  std::vector<std::uint32_t> leaf_numbers_;  // of exits only
  LeafValues leaves_;
  GatherForest forest_;
};

}  // namespace penstock::kernels
