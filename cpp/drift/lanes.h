// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>

// Four values at a time, in the compiler's own vectors: they compile to what every x86-64 has.
namespace penstock::drift {

using Floats = float __attribute__((vector_size(16)));
using Ints = std::int32_t __attribute__((vector_size(16)));
using Words = std::uint32_t __attribute__((vector_size(16)));
using Doubles = double __attribute__((vector_size(16)));  // two
using Longs = std::int64_t __attribute__((vector_size(16)));

inline constexpr std::size_t kLanes = 4;
inline constexpr std::int32_t kExponent = 0x7f800000;

template <class To, class From>
To as_bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

inline Floats load_lanes(const float* from) {
  Floats lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

// All ones where a value is neither NaN nor infinite.
inline Ints are_finite(Floats values) { return (as_bits<Ints>(values) & kExponent) != kExponent; }

}  // namespace penstock::drift
