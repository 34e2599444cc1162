// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/isa/forest_avx512.h"

#include "kernels/isa/begin_avx512.h"
#include "kernels/isa/forest_rank-inl.h"

// Ranks by AVX-512, and the table.
namespace penstock::kernels::isa::avx512 {
namespace {

struct Words {
  static unsigned below(const float* table, float x) {
    return static_cast<unsigned>(
        _mm_popcnt_u32(_mm512_cmp_ps_mask(_mm512_load_ps(table), _mm512_set1_ps(x), _CMP_LT_OQ)));
  }
  static unsigned below(const double* table, double x) {
    const __m512d wide = _mm512_set1_pd(x);
    const __mmask8 low = _mm512_cmp_pd_mask(_mm512_load_pd(table), wide, _CMP_LT_OQ);
    const __mmask8 high = _mm512_cmp_pd_mask(_mm512_load_pd(table + 8), wide, _CMP_LT_OQ);
    return static_cast<unsigned>(_mm_popcnt_u32(low | static_cast<unsigned>(high) << 8));
  }

  // 32 at a time, while two registers hold all ranks.
  template <class In>
  static void spread(const RankPlan<In>& plan, const std::uint16_t* ranks, std::uint8_t* columns) {
    if (plan.features > 64) {
      return spread_one_by_one(plan.source, plan.first, plan.columns, ranks, columns);
    }
    const __m512i low = _mm512_load_si512(ranks);
    const __m512i high = _mm512_load_si512(ranks + 32);
    for (std::size_t c = 0; c < plan.columns; c += 32) {
      const __m512i source = _mm512_load_si512(plan.source + c);
      const __m512i found = _mm512_permutex2var_epi16(low, source, high);
      const __m512i within = _mm512_subs_epu16(found, _mm512_load_si512(plan.first + c));
      _mm256_store_si256(reinterpret_cast<__m256i*>(columns + c), _mm512_cvtusepi16_epi8(within));
    }
  }
};

}  // namespace
}  // namespace penstock::kernels::isa::avx512

namespace penstock::kernels::isa {

constinit const ForestKernels kForestAvx512 = {
    .rank_floats = &avx512::rank<avx512::Words, float>,
    .rank_doubles = &avx512::rank<avx512::Words, double>,
    .masks = {&avx512::masks<ForestLeaves::kFloats>, &avx512::masks<ForestLeaves::kDoubles>,
              &avx512::masks<ForestLeaves::kAnyOrder>, &avx512::masks<ForestLeaves::kExits>},
    .row_columns_max = kRowColumnsMax,
    .mask_leaves_max = 64,
    .perfect = {&avx512::perfect<ForestLeaves::kFloats>, &avx512::perfect<ForestLeaves::kDoubles>,
                &avx512::perfect<ForestLeaves::kAnyOrder>, &avx512::perfect<ForestLeaves::kExits>},
    .mux = {&avx512::mux<ForestLeaves::kFloats>, &avx512::mux<ForestLeaves::kDoubles>,
            &avx512::mux<ForestLeaves::kAnyOrder>, &avx512::mux<ForestLeaves::kExits>},
    .gather = {&avx512::gather<ForestLeaves::kFloats>, &avx512::gather<ForestLeaves::kDoubles>,
               &avx512::gather<ForestLeaves::kAnyOrder>, &avx512::gather<ForestLeaves::kExits>},
};

}  // namespace penstock::kernels::isa

#include "kernels/isa/end.h"
#endif
