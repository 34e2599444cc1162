// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

// The vocabulary of the -inl.h files, one lane wide: what each word means is written here, and the
// other instruction sets' words mean the same for each of their lanes.
namespace penstock::kernels::isa::scalar {
namespace {

constexpr std::int64_t kLanes = 1;
constexpr std::uint8_t kFlip = 0;  // DenseKernels::flip

using Floats = float;
using Ints = std::int32_t;

inline Floats load(const float* from) { return *from; }
inline void store(float* to, Floats x) { *to = x; }
// Of `count` elements those that are left: zeros beyond, nothing read or written there.
inline Floats load_first(const float* from, std::int64_t count) { return count > 0 ? *from : 0; }
inline void store_first(float* to, Floats x, std::int64_t count) {
  if (count > 0) *to = x;
}

inline Floats set(float x) { return x; }
inline Floats add(Floats a, Floats b) { return a + b; }
inline Floats sub(Floats a, Floats b) { return a - b; }
inline Floats mul(Floats a, Floats b) { return a * b; }
inline Floats div(Floats a, Floats b) { return a / b; }
inline Floats fma(Floats a, Floats b, Floats c) { return std::fma(a, b, c); }    // a * b + c
inline Floats fnma(Floats a, Floats b, Floats c) { return std::fma(-a, b, c); }  // c - a * b
inline Floats max(Floats a, Floats b) { return a > b ? a : b; }                  // b if one is NaN
inline Floats min(Floats a, Floats b) { return a < b ? a : b; }                  // b if one is NaN
inline Floats abs(Floats x) { return std::fabs(x); }
inline Floats copy_sign(Floats x, Floats sign) { return std::copysign(x, sign); }
inline Floats if_less(Floats a, Floats b, Floats then, Floats otherwise) {
  return a < b ? then : otherwise;
}
inline Floats number_or_zero(Floats x) { return std::isnan(x) ? 0 : x; }

// Adding and taking away 1.5 * 2^23 leaves no bits for a fraction: half to even, below 2^22.
constexpr float kRounder = 12582912.0F;
inline Floats nearest(Floats x) { return (x + kRounder) - kRounder; }
// Of NaN: anything, which is multiplied with NaN.
inline Floats power_of_two(Floats n) {
  const std::int32_t exponent = std::isnan(n) ? 0 : static_cast<std::int32_t>(n);
  return std::bit_cast<float>((exponent + 127) << 23);
}
inline Floats rounded_to_bf16(Floats x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return std::bit_cast<float>((bits | 0x0040'0000U) & 0xffff'0000U);
  return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff'0000U);
}

inline Ints load_ints(const std::int32_t* from) { return *from; }
inline Ints set_ints(std::int32_t x) { return x; }
inline Ints add_ints(Ints a, Ints b) { return a + b; }
inline Ints mul_ints(Ints a, Ints b) { return a * b; }
inline Ints to_ints(Floats x) { return static_cast<std::int32_t>(nearest(x)); }  // below 2^22
inline Floats to_floats(Ints x) { return static_cast<float>(x); }
// The lower byte of each.
inline void store_bytes(std::uint8_t* to, Ints x) { *to = static_cast<std::uint8_t>(x); }

inline float greatest(Floats x) { return x; }
inline float least(Floats x) { return x; }
inline std::int32_t sum(Ints x) { return x; }

}  // namespace
}  // namespace penstock::kernels::isa::scalar
