// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/isa/table.h"

// What the files of the AVX2 table define for one another.
namespace penstock::kernels::isa::avx2 {

void s8(const PackedDense& layer, const DenseRows& rows);
void u4(const PackedDense& layer, const DenseRows& rows);
void fp32(const PackedDense& layer, const DenseRows& rows);
void bf16(const PackedDense& layer, const DenseRows& rows);
void round_to_bf16(const FloatRows& in, std::byte* rounded, std::size_t stride);

}  // namespace penstock::kernels::isa::avx2
