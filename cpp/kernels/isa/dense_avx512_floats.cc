// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <cstdint>
#include <cstring>

#include "kernels/isa/begin_avx512.h"
#include "kernels/isa/dense_avx512.h"

namespace penstock::kernels::isa::avx512 {
namespace {

constexpr int kTileVectors = 4;

inline Floats upper_bf16(Ints pairs) {
  return _mm512_castsi512_ps(_mm512_and_si512(pairs, set_ints(static_cast<int>(0xffff'0000U))));
}
inline Floats lower_bf16(Ints pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }

}  // namespace
}  // namespace penstock::kernels::isa::avx512

#include "kernels/isa/dense_floats-inl.h"

namespace penstock::kernels::isa::avx512 {

void fp32(const PackedDense& layer, const DenseRows& rows) {
  multiply_floats<Fp32Step>(layer, rows);
}

void bf16(const PackedDense& layer, const DenseRows& rows) {
  multiply_floats<Bf16Step>(layer, rows);
}

// Rows of floats, for the kernel above.
void round_to_bf16(const FloatRows& in, std::byte* rounded, std::size_t stride) {
  round_bf16(in, rounded, stride);
}

}  // namespace penstock::kernels::isa::avx512

#include "kernels/isa/end.h"
#endif
