// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa/forest_table.h"

// What the files of the AVX2 table of forests define for one another.
namespace penstock::kernels::isa::avx2 {

inline constexpr std::size_t kForestColumnsMax = 64;  // four registers of sixteen

template <ForestLeaves kLeaves>
void masks(const MaskForest& forest, const std::uint8_t* columns, void* sums);
template <ForestLeaves kLeaves>
void perfect(const PerfectForest& forest, const std::uint8_t* columns, void* sums);
template <ForestLeaves kLeaves>
void mux(const MuxForest& forest, const std::uint8_t* columns, std::uint64_t* words,
         std::uint64_t* values, void* sums);

}  // namespace penstock::kernels::isa::avx2
