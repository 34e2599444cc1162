// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/isa/forest_avx512.h"

#include "kernels/isa/begin_avx512.h"

// Ranks by AVX-512, and the table.
namespace penstock::kernels::isa::avx512 {
namespace {

// How many of sixteen thresholds are below x.
inline unsigned below(const float* table, __m512 x) {
  return static_cast<unsigned>(
      _mm_popcnt_u32(_mm512_cmp_ps_mask(_mm512_load_ps(table), x, _CMP_LT_OQ)));
}
inline unsigned below(const double* table, __m512d x) {
  const __mmask8 low = _mm512_cmp_pd_mask(_mm512_load_pd(table), x, _CMP_LT_OQ);
  const __mmask8 high = _mm512_cmp_pd_mask(_mm512_load_pd(table + 8), x, _CMP_LT_OQ);
  return static_cast<unsigned>(_mm_popcnt_u32(low | static_cast<unsigned>(high) << 8));
}
inline __m512 everywhere(float x) { return _mm512_set1_ps(x); }
inline __m512d everywhere(double x) { return _mm512_set1_pd(x); }

template <class In>
inline std::uint16_t rank_of(const RankSearch<In>& search, In x) {
  const auto wide = everywhere(x);
  const In* table = search.tables;
  unsigned rank = below(table, wide);
  unsigned size = kRankWays;
  for (std::uint32_t level = 1; level < search.levels; ++level) {
    table += size;
    rank = rank * kRankWays + below(table + rank * kRankWays, wide);
    size *= kRankWays;
  }
  return static_cast<std::uint16_t>(rank);
}

// Columns from ranks: 32 at a time while two registers hold all ranks.
template <class In>
inline void spread(const RankPlan<In>& plan, const std::uint16_t* ranks, std::uint8_t* columns) {
  if (plan.features > 64) {
    for (std::size_t c = 0; c < plan.columns; ++c) {
      const int rank = ranks[plan.source[c]] - plan.first[c];
      columns[c] = static_cast<std::uint8_t>(rank < 0 ? 0 : rank > 255 ? 255 : rank);
    }
    return;
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

constexpr double kZeroMax = 1e-35;

template <class In>
bool rank(const RankPlan<In>& plan, const In* x, std::uint16_t* ranks, std::uint8_t* columns) {
  bool is_special = false;
  for (std::size_t i = 0; i < plan.features; ++i) {
    const RankSearch<In>& search = plan.searches[i];
    const In value = x[search.feature];
    is_special |= value != value;
    ranks[i] = rank_of(search, value);
  }
  if (plan.is_zero_special) {
    for (std::size_t i = 0; i < plan.features; ++i) {
      const auto value = static_cast<double>(x[plan.searches[i].feature]);
      is_special |= value <= kZeroMax && value >= -kZeroMax;
    }
  }
  spread(plan, ranks, columns);
  return is_special;
}

}  // namespace
}  // namespace penstock::kernels::isa::avx512

namespace penstock::kernels::isa {

constinit const ForestKernels kForestAvx512 = {
    .rank_floats = &avx512::rank<float>,
    .rank_doubles = &avx512::rank<double>,
    .masks = {&avx512::masks<ForestLeaves::kFloats>, &avx512::masks<ForestLeaves::kDoubles>,
              &avx512::masks<ForestLeaves::kAnyOrder>, &avx512::masks<ForestLeaves::kExits>},
    .mask_columns_max = kRowColumnsMax,
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
