// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/isa/begin_avx512.h"
#include "kernels/isa/forest_avx512.h"
#include "kernels/isa/forest_kinds.h"
#include "kernels/isa/forest_leaves-inl.h"

// Forests of any depth: sixteen trees walk side by side, and gather their nodes.
namespace penstock::kernels::isa::avx512 {
namespace {

// One step of sixteen trees: nodes are gathered eight bytes at a time.
template <bool kHasNan, bool kIsNarrow>
inline __m512i step(const GatherForest& forest, const float* x, __m512 low, __m512 high,
                    __m512i at) {
  const __m512i a = _mm512_i32gather_epi64(_mm512_castsi512_si256(at), forest.nodes, 8);
  const __m512i b = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(at, 1), forest.nodes, 8);
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  const __m512 threshold = _mm512_castsi512_ps(_mm512_permutex2var_epi32(a, even, b));
  const __m512i rest = _mm512_permutex2var_epi32(a, odd, b);
  __m512 value;
  if constexpr (kIsNarrow) {
    value = _mm512_permutex2var_ps(low, rest, high);
  } else {
    value = _mm512_i32gather_ps(_mm512_and_epi32(rest, _mm512_set1_epi32(255)), x, 4);
  }
  __mmask16 right = _mm512_cmp_ps_mask(value, threshold, _CMP_NLE_UQ);
  if constexpr (kHasNan) {
    const __mmask16 is_nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    right = static_cast<__mmask16>(
        right & ~(is_nan & _mm512_test_epi32_mask(rest, _mm512_set1_epi32(kGatherNanLeft))));
  }
  const __m512i child = _mm512_srli_epi32(rest, kGatherChildShift);
  return _mm512_mask_add_epi32(child, right, child, _mm512_set1_epi32(1));
}

// Sixteen trees stay in the cache while all rows pass, four rows on their way at once.
template <ForestLeaves kLeaves, bool kHasNan, bool kIsNarrow>
void gather_of(const GatherForest& forest, const GatherRows& rows, void* sums) {
  using Sum = typename SumOf<kLeaves>::Type;
  constexpr std::size_t kAtOnce = 4;
  auto* const to = static_cast<Sum*>(sums);
  const std::uint32_t groups = forest.target_groups[forest.targets];
  const auto first = [](std::uint32_t count) {
    return static_cast<__mmask16>(count >= 16 ? 0xffffU : (1U << count) - 1);
  };
  const __mmask16 in_low = first(forest.features);
  const __mmask16 in_high = forest.features > 16 ? first(forest.features - 16) : __mmask16{0};
  const auto leave = [&](std::uint32_t target, std::uint32_t group, std::size_t row, __m512i at) {
    if constexpr (kLeaves == kExits) {
      _mm512_storeu_si512(to + (row * groups + group) * kGatherTrees, at);
    } else {
      Sum* const sum = to + row * forest.targets + target;
      if constexpr (kLeaves == kAnyOrder) {
        *sum += _mm512_reduce_add_ps(
            _mm512_i32gather_ps(at, static_cast<const float*>(forest.leaves), 4));
      } else {
        *sum = add_in_order<kLeaves>(*sum, forest.leaves, at);
      }
    }
  };
  for (std::uint32_t target = 0; target < forest.targets; ++target) {
    std::uint32_t group = forest.target_groups[target];
    const std::uint32_t end = forest.target_groups[target + 1];
    if (rows.rows < kAtOnce) {
      // Few rows: four groups of trees on their way instead.
      for (std::size_t row = 0; row < rows.rows; ++row) {
        const float* const x = rows.x + row * rows.stride;
        const __m512 low = _mm512_maskz_loadu_ps(in_low, x);
        const __m512 high = _mm512_maskz_loadu_ps(in_high, x + 16);
        for (group = forest.target_groups[target]; group < end; group += kAtOnce) {
          const std::uint32_t together = end - group < kAtOnce ? end - group : kAtOnce;
          __m512i at[kAtOnce];
          std::uint32_t depth = 0;
          for (std::uint32_t i = 0; i < kAtOnce; ++i) {
            const std::uint32_t which = group + (i < together ? i : 0);
            at[i] = _mm512_load_si512(forest.roots + which * kGatherTrees);
            depth = forest.depths[which] > depth ? forest.depths[which] : depth;
          }
          if (together == kAtOnce) {
            for (; depth > 0; --depth) {
              for (__m512i& place : at) {
                place = step<kHasNan, kIsNarrow>(forest, x, low, high, place);
              }
            }
          } else {
            for (; depth > 0; --depth) {
              for (std::uint32_t i = 0; i < together; ++i) {
                at[i] = step<kHasNan, kIsNarrow>(forest, x, low, high, at[i]);
              }
            }
          }
          for (std::uint32_t i = 0; i < together; ++i) leave(target, group + i, row, at[i]);
        }
      }
      continue;
    }
    for (; group < end; ++group) {
      const __m512i roots = _mm512_load_si512(forest.roots + group * kGatherTrees);
      for (std::size_t row = 0; row < rows.rows; row += kAtOnce) {
        // The last four rows may be some of the four before: their sums are left alone.
        const std::size_t begin = row + kAtOnce <= rows.rows ? row : rows.rows - kAtOnce;
        const float* const x = rows.x + begin * rows.stride;
        __m512i at[kAtOnce];
        __m512 low[kAtOnce];
        __m512 high[kAtOnce];
        for (std::size_t i = 0; i < kAtOnce; ++i) {
          at[i] = roots;
          low[i] = _mm512_maskz_loadu_ps(in_low, x + i * rows.stride);
          high[i] = _mm512_maskz_loadu_ps(in_high, x + i * rows.stride + 16);
        }
        for (std::uint32_t depth = forest.depths[group]; depth > 0; --depth) {
          for (std::size_t i = 0; i < kAtOnce; ++i) {
            at[i] = step<kHasNan, kIsNarrow>(forest, x + i * rows.stride, low[i], high[i], at[i]);
          }
        }
        for (std::size_t i = row - begin; i < kAtOnce; ++i) leave(target, group, begin + i, at[i]);
      }
    }
  }
}

}  // namespace

template <ForestLeaves kLeaves>
void gather(const GatherForest& forest, const GatherRows& rows, void* sums) {
  const bool is_narrow = forest.features <= 32;
  if (rows.has_nan) {
    if (is_narrow) return gather_of<kLeaves, true, true>(forest, rows, sums);
    return gather_of<kLeaves, true, false>(forest, rows, sums);
  }
  if (is_narrow) return gather_of<kLeaves, false, true>(forest, rows, sums);
  return gather_of<kLeaves, false, false>(forest, rows, sums);
}

template void gather<kFloats>(const GatherForest&, const GatherRows&, void*);
template void gather<kDoubles>(const GatherForest&, const GatherRows&, void*);
template void gather<kAnyOrder>(const GatherForest&, const GatherRows&, void*);
template void gather<kExits>(const GatherForest&, const GatherRows&, void*);

}  // namespace penstock::kernels::isa::avx512

#include "kernels/isa/end.h"
#endif
