// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/isa/forest_avx2.h"

#include "kernels/isa/begin_avx2.h"
#include "kernels/isa/forest_rank-inl.h"

// Ranks by AVX2, and the table.
namespace penstock::kernels::isa::avx2 {
namespace {

struct Words {
  static unsigned below(const float* table, float x) {
    const __m256 wide = _mm256_set1_ps(x);
    const int low = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_load_ps(table), wide, _CMP_LT_OQ));
    const int high = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_load_ps(table + 8), wide, _CMP_LT_OQ));
    return static_cast<unsigned>(_mm_popcnt_u32(static_cast<unsigned>(low | high << 8)));
  }
  static unsigned below(const double* table, double x) {
    const __m256d wide = _mm256_set1_pd(x);
    unsigned all = 0;
    for (int i = 0; i < 4; ++i) {
      const __m256d is_below = _mm256_cmp_pd(_mm256_load_pd(table + 4 * i), wide, _CMP_LT_OQ);
      all |= static_cast<unsigned>(_mm256_movemask_pd(is_below)) << (4 * i);
    }
    return static_cast<unsigned>(_mm_popcnt_u32(all));
  }

  template <class In>
  static void spread(const RankPlan<In>& plan, const std::uint16_t* ranks, std::uint8_t* columns) {
    spread_one_by_one(plan.source, plan.first, plan.columns, ranks, columns);
  }
};

}  // namespace
}  // namespace penstock::kernels::isa::avx2

namespace penstock::kernels::isa {

constinit const ForestKernels kForestAvx2 = {
    .rank_floats = &avx2::rank<avx2::Words, float>,
    .rank_doubles = &avx2::rank<avx2::Words, double>,
    .masks = {&avx2::masks<ForestLeaves::kFloats>, &avx2::masks<ForestLeaves::kDoubles>,
              &avx2::masks<ForestLeaves::kAnyOrder>, &avx2::masks<ForestLeaves::kExits>},
    .row_columns_max = avx2::kForestColumnsMax,
    .mask_leaves_max = 32,
    .perfect = {&avx2::perfect<ForestLeaves::kFloats>, &avx2::perfect<ForestLeaves::kDoubles>,
                &avx2::perfect<ForestLeaves::kAnyOrder>, &avx2::perfect<ForestLeaves::kExits>},
    .mux = {&avx2::mux<ForestLeaves::kFloats>, &avx2::mux<ForestLeaves::kDoubles>,
            &avx2::mux<ForestLeaves::kAnyOrder>, &avx2::mux<ForestLeaves::kExits>},
    .gather = {},
};

}  // namespace penstock::kernels::isa

#include "kernels/isa/end.h"
#endif
