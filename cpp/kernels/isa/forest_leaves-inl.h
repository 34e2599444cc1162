// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/isa/forest_kinds.h"

// Leaves of trees that stand anywhere. Included after begin_avx512.h.
namespace penstock::kernels::isa::avx512 {
namespace {

// Adds the leaves of sixteen trees, one after the other.
template <ForestLeaves kLeaves, class Sum>
inline Sum add_in_order(Sum sum, const void* leaves, __m512i at) {
  if constexpr (kLeaves == kDoubles) {
    alignas(64) double values[16];
    const auto* const table = static_cast<const double*>(leaves);
    _mm512_store_pd(values, _mm512_i32gather_pd(_mm512_castsi512_si256(at), table, 8));
    _mm512_store_pd(values + 8, _mm512_i32gather_pd(_mm512_extracti64x4_epi64(at, 1), table, 8));
    for (const double value : values) sum += value;
  } else {
    alignas(64) float values[16];
    _mm512_store_ps(values, _mm512_i32gather_ps(at, static_cast<const float*>(leaves), 4));
    for (const float value : values) sum += value;
  }
  return sum;
}

}  // namespace
}  // namespace penstock::kernels::isa::avx512
