// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/isa/table.h"

// What the file of bfloat16 lends to the AVX-512 table.
namespace penstock::kernels::isa::avx512_bf16 {

void bf16(const PackedDense& layer, const DenseRows& rows);
void round_to_bf16(const FloatRows& in, std::byte* rounded, std::size_t stride);

}  // namespace penstock::kernels::isa::avx512_bf16
