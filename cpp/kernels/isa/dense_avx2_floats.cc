// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <cstdint>
#include <cstring>

#include "kernels/isa/begin_avx2.h"
#include "kernels/isa/dense_avx2.h"

namespace penstock::kernels::isa::avx2 {
namespace {

constexpr int kTileVectors = 2;

inline Floats upper_bf16(Ints pairs) {
  return _mm256_castsi256_ps(_mm256_and_si256(pairs, set_ints(static_cast<int>(0xffff'0000U))));
}
inline Floats lower_bf16(Ints pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)); }

}  // namespace
}  // namespace penstock::kernels::isa::avx2

#include "kernels/isa/dense_floats-inl.h"

namespace penstock::kernels::isa::avx2 {

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

}  // namespace penstock::kernels::isa::avx2

#include "kernels/isa/end.h"
#endif
