// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/forest.h"
#include "kernels/forest_layout.h"

namespace penstock::kernels {

// A comparison of bytes: right if column > index.
struct ByteTest {
  std::uint32_t column = 0;
  std::uint8_t index = 0;

  friend auto operator<=>(const ByteTest&, const ByteTest&) = default;
};

// A row as bytes in which every test of a forest is a comparison of bytes, exactly. Columns of
// ranks come first, then one for every category set that is asked, of 0 (left) and 1.
template <class In>
class ByteColumns {
 public:
  static constexpr std::size_t kColumnsMax = 1024;

  // Nothing if the forest asks for more columns, or for more thresholds of a feature than can be
  // ranked. Gives each node's test, but for leaves.
  static std::unique_ptr<const ByteColumns> plan(const ForestView& view,
                                                 std::vector<ByteTest>& tests);

  std::size_t count() const { return rank_columns_.size() + category_columns_.size(); }
  const RankPlan<In>& ranks() const { return plan_; }
  std::size_t bytes() const;

  // Ranks and columns as the kernels of isa/ make them, in plain C++.
  static bool rank(const RankPlan<In>& plan, const In* x, std::uint16_t* ranks,
                   std::uint8_t* columns);
  // After that: the columns that ranks do not tell. `is_special` is what ranking said.
  void complete(const In* x, bool is_special, std::uint8_t* columns) const;
  // Whether complete() has something to do for any row.
  bool has_categories() const { return !category_columns_.empty(); }

 private:
  struct Treatment {
    ForestMissing missing = ForestMissing::kNan;
    bool goes_left = false;

    friend auto operator<=>(const Treatment&, const Treatment&) = default;
  };
  struct RankColumn {
    std::uint32_t feature = 0;
    Treatment treatment;
    std::uint8_t of_zero = 0;
  };
  struct CategoryColumn {
    std::uint32_t feature = 0;
    Treatment treatment;
    std::vector<std::uint32_t> words;
  };

  static Treatment treatment_of(const ForestView& view, std::uint32_t node);
  bool plan_ranks(const ForestView& view, std::vector<ByteTest>& tests);
  bool plan_categories(const ForestView& view, std::vector<ByteTest>& tests);
  void lay_out_tables();

  std::vector<std::vector<In>> thresholds_;  // of the features that are ranked, ascending
  std::vector<std::uint32_t> features_;
  std::vector<RankColumn> rank_columns_;
  std::vector<CategoryColumn> category_columns_;
  std::vector<RankSearch<In>> searches_;
  AlignedVector<In> tables_;
  AlignedVector<std::uint16_t> source_;
  AlignedVector<std::uint16_t> first_;
  RankPlan<In> plan_;
};

// The threshold as rows of this kind are compared with it: the greatest number not above it.
template <class In>
In rounded_down(double threshold);

}  // namespace penstock::kernels
