// SPDX-License-Identifier: Apache-2.0
// Opens a region compiled for AVX-512, with its vocabulary, as begin_avx2.h does.
#include <cstdint>
#include <cstring>

#include "kernels/dense_quantize.h"
#include "kernels/isa/intrinsics.h"
#include "kernels/isa/table.h"

#define PENSTOCK_ISA_NAMESPACE avx512
#if defined(__clang__)
#pragma clang attribute push(                                                                  \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512cd,avx512vnni,avx512vbmi," \
                          "avx2,fma,bmi,bmi2,lzcnt,popcnt,f16c"))),                            \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512cd,avx512vnni,avx512vbmi,avx2,fma")
#pragma GCC target("bmi,bmi2,lzcnt,popcnt,f16c")
#endif

#include "kernels/isa/vec_avx512-inl.h"
