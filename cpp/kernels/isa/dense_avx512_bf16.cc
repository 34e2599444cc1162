// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/isa/dense_avx512_bf16.h"

#include <cstdint>
#include <cstring>

#include "kernels/isa/begin_avx512_bf16.h"
#include "kernels/isa/dense_finish-inl.h"

// Products of bfloat16 by the instruction for them: of each pair it adds the second product and
// then the first, each as an fma does, which is the order that the others follow. It takes what is
// below 2^-126 for zero.
namespace penstock::kernels::isa::avx512_bf16 {
namespace {

inline void add_products(Floats& sums, Ints x, Ints weights) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(x), "v"(weights));
}

inline Ints two_inputs(const std::byte* x) {
  std::int32_t two;
  std::memcpy(&two, x, sizeof two);
  return _mm512_set1_epi32(two);
}

template <int kRows, int kVectors>
[[gnu::noinline]] void tile(const PackedDense& layer, const DenseRows& rows, const Place& place,
                            const std::byte* weights) {
  Floats sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums[i][j] = set(0);
  }
  const std::byte* x = rows.in + static_cast<std::size_t>(place.row) * rows.in_stride;
  for (std::int64_t step = 0; step < layer.steps; ++step, x += 4, weights += kVectors * 64) {
    Ints loaded[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) loaded[j] = _mm512_load_si512(weights + j * 64);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const Ints two = two_inputs(x + static_cast<std::size_t>(i) * rows.in_stride);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) add_products(sums[i][j], two, loaded[j]);
    }
  }
  alignas(64) float kept[kRows * kPanelOutputs];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) store(kept + i * kPanelOutputs + j * kLanes, sums[i][j]);
  }
  finish_floats(layer, rows, place, kept);
}

template <int kVectors>
void tiles(const PackedDense& layer, const DenseRows& rows, Place place, const std::byte* weights) {
  std::int64_t tiles_left = (rows.rows + kTileRowsMax - 1) / kTileRowsMax;
  for (; tiles_left > 0; --tiles_left, place.row += place.rows) {
    place.rows = (rows.rows - place.row + tiles_left - 1) / tiles_left;
    switch (place.rows) {
      case 1: tile<1, kVectors>(layer, rows, place, weights); break;
      case 2: tile<2, kVectors>(layer, rows, place, weights); break;
      case 3: tile<3, kVectors>(layer, rows, place, weights); break;
      case 4: tile<4, kVectors>(layer, rows, place, weights); break;
      case 5: tile<5, kVectors>(layer, rows, place, weights); break;
      default: tile<6, kVectors>(layer, rows, place, weights); break;
    }
  }
}

}  // namespace

void bf16(const PackedDense& layer, const DenseRows& rows) {
  for_each_panel(layer, [&](std::int64_t column, std::int64_t width, const std::byte* weights) {
    const Place place{.row = 0, .rows = 0, .column = column, .width = width};
    switch (width / kLanes) {
      case 1: return tiles<1>(layer, rows, place, weights);
      case 2: return tiles<2>(layer, rows, place, weights);
      case 3: return tiles<3>(layer, rows, place, weights);
      default: return tiles<4>(layer, rows, place, weights);
    }
  });
}

void round_to_bf16(const FloatRows& in, std::byte* rounded, std::size_t stride) {
  for (std::int64_t row = 0; row < in.rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    const float* const x = in.x + at * in.stride;
    std::byte* const to = rounded + at * stride;
    for (std::int64_t i = 0; i < in.width; i += kLanes) {
      const Ints bits = _mm512_castps_si512(rounded_to_bf16(load_first(x + i, in.width - i)));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i * 2),
                          _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16)));
    }
  }
}

}  // namespace penstock::kernels::isa::avx512_bf16

#include "kernels/isa/end.h"
#endif
