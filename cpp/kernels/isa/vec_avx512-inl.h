// SPDX-License-Identifier: Apache-2.0
#pragma once

// The words of vec_scalar-inl.h, sixteen lanes wide. Included by begin_*.h.
namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::uint8_t kFlip = 0;

using Floats = __m512;
using Ints = __m512i;

inline __mmask16 first(std::int64_t count) {
  return count >= kLanes ? __mmask16{0xffff} : static_cast<__mmask16>((1U << count) - 1);
}

inline Floats load(const float* from) { return _mm512_loadu_ps(from); }
inline void store(float* to, Floats x) { _mm512_storeu_ps(to, x); }
inline Floats load_first(const float* from, std::int64_t count) {
  return count > 0 ? _mm512_maskz_loadu_ps(first(count), from) : _mm512_setzero_ps();
}
inline void store_first(float* to, Floats x, std::int64_t count) {
  if (count > 0) _mm512_mask_storeu_ps(to, first(count), x);
}

inline Floats set(float x) { return _mm512_set1_ps(x); }
inline Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
inline Floats sub(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
inline Floats mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
inline Floats div(Floats a, Floats b) { return _mm512_div_ps(a, b); }
inline Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Floats fnma(Floats a, Floats b, Floats c) { return _mm512_fnmadd_ps(a, b, c); }
inline Floats max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats min(Floats a, Floats b) { return _mm512_min_ps(a, b); }
inline Floats abs(Floats x) { return _mm512_abs_ps(x); }
inline Floats copy_sign(Floats x, Floats sign) {
  // Bit by bit: the sign's where the mask has one, else x's.
  return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(
      _mm512_set1_epi32(INT32_MIN), _mm512_castps_si512(sign), _mm512_castps_si512(x), 0xca));
}
inline Floats if_less(Floats a, Floats b, Floats then, Floats otherwise) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), otherwise, then);
}
inline Floats number_or_zero(Floats x) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), x);
}
inline Floats nearest(Floats x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Floats power_of_two(Floats n) {
  const Ints exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23));
}
inline Floats rounded_to_bf16(Floats x) {
  const Ints bits = _mm512_castps_si512(x);
  const Ints odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const Ints rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  const Ints quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x0040'0000));
  const Ints chosen =
      _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), rounded, quiet);
  return _mm512_castsi512_ps(
      _mm512_and_si512(chosen, _mm512_set1_epi32(static_cast<int>(0xffff'0000U))));
}

inline Ints load_ints(const std::int32_t* from) { return _mm512_loadu_si512(from); }
inline Ints set_ints(std::int32_t x) { return _mm512_set1_epi32(x); }
inline Ints add_ints(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
inline Ints mul_ints(Ints a, Ints b) { return _mm512_mullo_epi32(a, b); }
inline Ints to_ints(Floats x) { return _mm512_cvtps_epi32(x); }
inline Floats to_floats(Ints x) { return _mm512_cvtepi32_ps(x); }
inline void store_bytes(std::uint8_t* to, Ints x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(x));
}

inline float greatest(Floats x) { return _mm512_reduce_max_ps(x); }
inline float least(Floats x) { return _mm512_reduce_min_ps(x); }
inline std::int32_t sum(Ints x) { return _mm512_reduce_add_epi32(x); }

}  // namespace
}  // namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE
