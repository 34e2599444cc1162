// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <cstdint>
#include <cstring>

#include "kernels/isa/begin_avx2.h"
#include "kernels/isa/dense_avx2.h"
#include "kernels/isa/dense_finish-inl.h"

// Products of u8 and s8 without an instruction for them. vpmaddubsw adds two such products in 16
// bits and saturates: 2 * 255 * 127 would not fit. So rows are kept minus 128, as s8 (flip); of a
// pair's factors the row's gives its sign to the weight: |q - 128| <= 128, 2 * 128 * 127 = 32512
// fits, and sums are exact. Sums begin with (128 - zero point) times the sum of weights.
//
// A tile is at most 4 rows and 16 outputs: 8 sums of 16 registers.
namespace penstock::kernels::isa::avx2 {
namespace {

constexpr int kTileRows = 4;
constexpr std::int64_t kTileOutputs = 16;

inline Ints four_inputs(const std::byte* x) {
  std::int32_t four;
  std::memcpy(&four, x, sizeof four);
  return _mm256_set1_epi32(four);
}

inline Ints load_bytes(const std::byte* from) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
}

inline Ints products(Ints magnitudes, Ints signs, Ints weights) {
  const Ints pairs = _mm256_maddubs_epi16(magnitudes, _mm256_sign_epi8(weights, signs));
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

template <int kRows>
void tile(const PackedDense& layer, const DenseRows& rows, const Place& place, std::int64_t begin,
          const std::byte* weights, std::int32_t* kept) {
  Ints sums[kRows][2];
#pragma GCC unroll 2
  for (int j = 0; j < 2; ++j) {
    const Ints first_sums = layer.start == nullptr
                                ? _mm256_setzero_si256()
                                : load_ints(layer.start + place.column + begin + j * kLanes);
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) sums[i][j] = first_sums;
  }
  const std::byte* x = rows.in + static_cast<std::size_t>(place.row) * rows.in_stride;
  weights += begin * 4;
  for (std::int64_t step = 0; step < layer.steps; ++step, x += 4, weights += place.width * 4) {
    const Ints left = load_bytes(weights);
    const Ints right = load_bytes(weights + 32);
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
      const Ints signs = four_inputs(x + static_cast<std::size_t>(i) * rows.in_stride);
      const Ints magnitudes = _mm256_abs_epi8(signs);
      sums[i][0] = add_ints(sums[i][0], products(magnitudes, signs, left));
      sums[i][1] = add_ints(sums[i][1], products(magnitudes, signs, right));
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(kept + i * kPanelOutputs + begin + j * kLanes),
                         sums[i][j]);
    }
  }
}

}  // namespace

void s8(const PackedDense& layer, const DenseRows& rows) {
  for_each_panel(layer, [&](std::int64_t column, std::int64_t width, const std::byte* weights) {
    Place place{.row = 0, .rows = 0, .column = column, .width = width};
    std::int64_t tiles = (rows.rows + kTileRows - 1) / kTileRows;
    for (; tiles > 0; --tiles, place.row += place.rows) {
      place.rows = (rows.rows - place.row + tiles - 1) / tiles;
      alignas(64) std::int32_t kept[kTileRows * kPanelOutputs];
      for (std::int64_t begin = 0; begin < width; begin += kTileOutputs) {
        switch (place.rows) {
          case 1: tile<1>(layer, rows, place, begin, weights, kept); break;
          case 2: tile<2>(layer, rows, place, begin, weights, kept); break;
          case 3: tile<3>(layer, rows, place, begin, weights, kept); break;
          default: tile<4>(layer, rows, place, begin, weights, kept); break;
        }
      }
      finish_integers(layer, rows, place, kept);
    }
  });
}

}  // namespace penstock::kernels::isa::avx2

#include "kernels/isa/end.h"
#endif
