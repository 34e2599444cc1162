// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu.h"
#include "kernels/forest_layout.h"

// What each instruction set has for forests, as tables of functions; what it has not is null.
namespace penstock::kernels::isa {

struct ForestKernels {
  // Bytes of one row: `ranks` has room for the features ranked, `columns` for the columns, each up
  // to the next multiple of 64. Tells whether a value is NaN, or zero where that is special.
  bool (*rank_floats)(const RankPlan<float>& plan, const float* x, std::uint16_t* ranks,
                      std::uint8_t* columns);
  bool (*rank_doubles)(const RankPlan<double>& plan, const double* x, std::uint16_t* ranks,
                       std::uint8_t* columns);

  // By ForestLeaves. `sums` has an element of their type per target, which it adds to; of exits it
  // is an uint32 per tree, the number of the leaf within it.
  using OfMasks = void(const MaskForest& forest, const std::uint8_t* columns, void* sums);
  OfMasks* masks[kForestLeavesKinds];
  std::size_t row_columns_max;  // of masks and of perfect trees
  std::uint32_t mask_leaves_max;
  using OfPerfect = void(const PerfectForest& forest, const std::uint8_t* columns, void* sums);
  OfPerfect* perfect[kForestLeavesKinds];

  // `columns` are kBlockRows bytes each; `words` one for each predicate; `values` kMuxValues of 64
  // bytes. `sums` is [target][kBlockRows]; exits are bytes, [tree][kBlockRows].
  using OfMux = void(const MuxForest& forest, const std::uint8_t* columns, std::uint64_t* words,
                     std::uint64_t* values, void* sums);
  OfMux* mux[kForestLeavesKinds];

  // `sums` is [row][target]; exits are uint32, [row][group][16], the number of the node.
  using OfGather = void(const GatherForest& forest, const GatherRows& rows, void* sums);
  OfGather* gather[kForestLeavesKinds];
};

const ForestKernels& forest_kernels(Isa isa);

extern const ForestKernels kForestScalar;
#if defined(__x86_64__)
extern const ForestKernels kForestAvx2;
extern const ForestKernels kForestAvx512;
#endif

}  // namespace penstock::kernels::isa
