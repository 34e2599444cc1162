// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa/forest_table.h"

// What the files of the AVX-512 table of forests define for one another.
namespace penstock::kernels::isa::avx512 {

template <ForestLeaves kLeaves>
void masks(const MaskForest& forest, const std::uint8_t* columns, void* sums);
template <ForestLeaves kLeaves>
void perfect(const PerfectForest& forest, const std::uint8_t* columns, void* sums);
template <ForestLeaves kLeaves>
void mux(const MuxForest& forest, const std::uint8_t* columns, std::uint64_t* words,
         std::uint64_t* values, void* sums);
template <ForestLeaves kLeaves>
void gather(const GatherForest& forest, const GatherRows& rows, void* sums);

}  // namespace penstock::kernels::isa::avx512
