// SPDX-License-Identifier: Apache-2.0
// Opens a region compiled for AVX2, with its vocabulary; end.h closes it. What -inl.h files include
// is included here, before it opens: whatever else defines inline must stay fit for every machine,
// for the linker takes any file's copy of it.
#include <cstdint>
#include <cstring>

#include "kernels/dense_quantize.h"
#include "kernels/isa/intrinsics.h"
#include "kernels/isa/table.h"

#define PENSTOCK_ISA_NAMESPACE avx2
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2,lzcnt,popcnt,f16c"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi,bmi2,lzcnt,popcnt,f16c")
#endif

#include "kernels/isa/vec_avx2-inl.h"
