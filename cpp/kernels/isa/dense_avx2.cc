// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/isa/dense_avx2.h"

#include "kernels/isa/begin_avx2.h"
#include "kernels/isa/dense_finish-inl.h"
#include "kernels/isa/dense_rows-inl.h"

namespace penstock::kernels::isa {

constinit const DenseKernels kDenseAvx2 = {
    .flip = avx2::kFlip,
    .has_bf16_rows = false,
    .quantize_static = &avx2::quantize_static,
    .quantize_dynamic = &avx2::quantize_dynamic,
    .quantize_groups = &avx2::quantize_groups,
    .round_bf16 = &avx2::round_to_bf16,
    .fp32 = &avx2::fp32,
    .bf16 = &avx2::bf16,
    .s8 = &avx2::s8,
    .u4 = &avx2::u4,
};

}  // namespace penstock::kernels::isa

#include "kernels/isa/end.h"
#endif
