// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "kernels/forest.h"
#include "kernels/forest_columns.h"
#include "kernels/forest_layouts.h"
#include "kernels/forest_walk.h"
#include "kernels/isa/forest_table.h"

// What a forest keeps: forest.cc makes it, forest_run.cc computes rows by it.
namespace penstock::kernels {

// A block of fewer rows is computed row by row: the block costs the same however full it is.
// Measured with the ensembles of benchmarks/bench_trees.
inline constexpr std::size_t kMuxRowsMinOfPerfect = 50;
inline constexpr std::size_t kMuxRowsMinOfMasks = 26;
inline constexpr std::size_t kMuxRowsMinOfWalks = 8;

// Where a leaf's value goes, of forests that have several targets in one tree.
struct LeafPlace {
  std::uint32_t value = 0;
  std::uint32_t target = 0;
};

// Everything that In alone differs in.
template <class In>
struct Laid {
  std::unique_ptr<const ByteColumns<In>> columns;
  std::unique_ptr<const MaskLayout> masks;
  std::unique_ptr<const PerfectLayout> perfect;
  std::unique_ptr<const MuxLayout> mux;
  std::unique_ptr<const GatherLayout> gather;
  std::unique_ptr<const WalkLayout<In>> walk;

  // How so many rows are computed.
  ForestForm form_for(std::size_t rows) const {
    const std::size_t mux_rows_min = perfect != nullptr ? kMuxRowsMinOfPerfect
                                     : masks != nullptr ? kMuxRowsMinOfMasks
                                                        : kMuxRowsMinOfWalks;
    if (mux != nullptr && rows >= mux_rows_min) return ForestForm::kMux;
    if (perfect != nullptr) return ForestForm::kPerfect;
    if (masks != nullptr) return ForestForm::kMasks;
    return gather != nullptr ? ForestForm::kGather : ForestForm::kWalk;
  }
};

struct Forest::Plan {
  std::uint32_t features = 0;
  std::uint32_t targets = 0;
  std::vector<double> base;
  double factor = 1;
  bool begins_at_base = false;
  bool is_double = false;
  ForestLeaves leaves = ForestLeaves::kDoubles;
  const isa::ForestKernels* kernels = nullptr;
  // Of exits: each tree's leaves, from the left.
  bool leaves_are_rows = false;
  std::size_t trees = 0;
  std::vector<std::uint32_t> first_place;
  std::vector<LeafPlace> places;
  std::vector<double> values;

  Laid<float> floats;
  Laid<double> doubles;

  template <class In>
  const Laid<In>& laid() const {
    if constexpr (std::is_same_v<In, float>) {
      return floats;
    } else {
      return doubles;
    }
  }

  template <class In>
  void lay_out(const ForestSource& source, Laid<In>& laid) const;
};

}  // namespace penstock::kernels
