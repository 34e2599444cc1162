// SPDX-License-Identifier: Apache-2.0
#pragma once

// The words of vec_scalar-inl.h, eight lanes wide. Included by begin_*.h.
namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE {
namespace {

constexpr std::int64_t kLanes = 8;
constexpr std::uint8_t kFlip = 0x80;

using Floats = __m256;
using Ints = __m256i;

alignas(64) constexpr std::int32_t kFirst[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

inline Ints first(std::int64_t count) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFirst + kLanes - count));
}

inline Floats load(const float* from) { return _mm256_loadu_ps(from); }
inline void store(float* to, Floats x) { _mm256_storeu_ps(to, x); }
inline Floats load_first(const float* from, std::int64_t count) {
  if (count >= kLanes) return load(from);
  return count > 0 ? _mm256_maskload_ps(from, first(count)) : _mm256_setzero_ps();
}
inline void store_first(float* to, Floats x, std::int64_t count) {
  if (count >= kLanes) return store(to, x);
  if (count > 0) _mm256_maskstore_ps(to, first(count), x);
}

inline Floats set(float x) { return _mm256_set1_ps(x); }
inline Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
inline Floats sub(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
inline Floats mul(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
inline Floats div(Floats a, Floats b) { return _mm256_div_ps(a, b); }
inline Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
inline Floats fnma(Floats a, Floats b, Floats c) { return _mm256_fnmadd_ps(a, b, c); }
inline Floats max(Floats a, Floats b) { return _mm256_max_ps(a, b); }
inline Floats min(Floats a, Floats b) { return _mm256_min_ps(a, b); }
inline Floats sign_bits() { return _mm256_castsi256_ps(_mm256_set1_epi32(INT32_MIN)); }
inline Floats abs(Floats x) { return _mm256_andnot_ps(sign_bits(), x); }
inline Floats copy_sign(Floats x, Floats sign) {
  return _mm256_or_ps(_mm256_andnot_ps(sign_bits(), x), _mm256_and_ps(sign_bits(), sign));
}
inline Floats if_less(Floats a, Floats b, Floats then, Floats otherwise) {
  return _mm256_blendv_ps(otherwise, then, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
inline Floats number_or_zero(Floats x) { return _mm256_and_ps(x, _mm256_cmp_ps(x, x, _CMP_ORD_Q)); }
inline Floats nearest(Floats x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Floats power_of_two(Floats n) {
  const Ints exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
inline Floats rounded_to_bf16(Floats x) {
  const Ints bits = _mm256_castps_si256(x);
  const Ints odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const Ints rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
  const Ints quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x0040'0000));
  const Floats chosen = _mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_castsi256_ps(quiet),
                                         _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  return _mm256_and_ps(chosen,
                       _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(0xffff'0000U))));
}

inline Ints load_ints(const std::int32_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
inline Ints set_ints(std::int32_t x) { return _mm256_set1_epi32(x); }
inline Ints add_ints(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
inline Ints mul_ints(Ints a, Ints b) { return _mm256_mullo_epi32(a, b); }
inline Ints to_ints(Floats x) { return _mm256_cvtps_epi32(x); }
inline Floats to_floats(Ints x) { return _mm256_cvtepi32_ps(x); }
inline void store_bytes(std::uint8_t* to, Ints x) {
  // The lower byte of each to the front of its half; then the halves' fronts side by side.
  const __m256i fronts =
      _mm256_shuffle_epi8(x, _mm256_set1_epi64x(static_cast<long long>(0xffff'ffff'0c08'0400ULL)));
  const __m128i both =
      _mm_unpacklo_epi32(_mm256_castsi256_si128(fronts), _mm256_extracti128_si256(fronts, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), both);
}

inline float greatest(Floats x) {
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}
inline float least(Floats x) {
  __m128 four = _mm_min_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  four = _mm_min_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_min_ss(four, _mm_movehdup_ps(four)));
}
inline std::int32_t sum(Ints x) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return _mm_cvtsi128_si32(four);
}

}  // namespace
}  // namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE
