// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/isa/dense_avx512.h"

#include "kernels/isa/begin_avx512.h"
#include "kernels/isa/dense_avx512_bf16.h"
#include "kernels/isa/dense_finish-inl.h"
#include "kernels/isa/dense_rows-inl.h"

namespace penstock::kernels::isa {

constinit const DenseKernels kDenseAvx512 = {
    .flip = avx512::kFlip,
    .has_bf16_rows = false,
    .quantize_static = &avx512::quantize_static,
    .quantize_dynamic = &avx512::quantize_dynamic,
    .quantize_groups = &avx512::quantize_groups,
    .round_bf16 = &avx512::round_to_bf16,
    .fp32 = &avx512::fp32,
    .bf16 = &avx512::bf16,
    .s8 = &avx512::s8,
    .u4 = &avx512::u4,
};

constinit const DenseKernels kDenseAvx512Bf16 = {
    .flip = avx512::kFlip,
    .has_bf16_rows = true,
    .quantize_static = &avx512::quantize_static,
    .quantize_dynamic = &avx512::quantize_dynamic,
    .quantize_groups = &avx512::quantize_groups,
    .round_bf16 = &avx512_bf16::round_to_bf16,
    .fp32 = &avx512::fp32,
    .bf16 = &avx512_bf16::bf16,
    .s8 = &avx512::s8,
    .u4 = &avx512::u4,
};

}  // namespace penstock::kernels::isa

#include "kernels/isa/end.h"
#endif
