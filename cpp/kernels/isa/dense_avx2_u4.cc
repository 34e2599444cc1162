// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <cstdint>
#include <cstring>

#include "kernels/isa/begin_avx2.h"
#include "kernels/isa/dense_avx2.h"
#include "kernels/isa/dense_finish-inl.h"

// Nibbles are the unsigned factor, rows the signed one. Four steps of products fit 16 bits, without
// saturation: 4 * 2 * 2 * 15 * 127 = 30480. Groups are of four steps, or of several times four.
namespace penstock::kernels::isa::avx2 {
namespace {

constexpr int kTileRows = 2;
constexpr std::int64_t kTileOutputs = 16;
constexpr int kStepsAtOnce = 4;

inline Ints four_inputs(const std::byte* x) {
  std::int32_t four;
  std::memcpy(&four, x, sizeof four);
  return _mm256_set1_epi32(four);
}

template <int kRows>
void tile(const PackedDense& layer, const DenseRows& rows, const Place& place, std::int64_t begin,
          const std::byte* weights, float* kept) {
  const Ints low_nibbles = _mm256_set1_epi8(0x0f);
  Floats values[kRows][2];
#pragma GCC unroll 2
  for (int i = 0; i < kRows; ++i) values[i][0] = values[i][1] = set(0);
  const std::byte* x = rows.in + static_cast<std::size_t>(place.row) * rows.in_stride;
  const float* scales = layer.group_scales + place.column * layer.groups + begin;
  const std::int32_t* group_sums = rows.group_sums + place.row * layer.groups;
  weights += begin * 4;
  std::int64_t step = 0;
  for (std::int64_t group = 0; group < layer.groups; ++group, ++group_sums) {
    Ints sums[kRows][2];
#pragma GCC unroll 2
    for (int i = 0; i < kRows; ++i) {
      sums[i][0] = sums[i][1] = set_ints(-group_sums[i * layer.groups]);
    }
    const std::int64_t left = layer.steps - step;
    const std::int64_t end = step + (left < layer.group_steps ? left : layer.group_steps);
    for (; step < end; step += kStepsAtOnce) {
      Ints pairs[kRows][2];
#pragma GCC unroll 2
      for (int i = 0; i < kRows; ++i) pairs[i][0] = pairs[i][1] = _mm256_setzero_si256();
      for (int at_once = 0; at_once < kStepsAtOnce; ++at_once) {
#pragma GCC unroll 2
        for (int j = 0; j < 2; ++j) {
          const Ints nibbles =
              _mm256_load_si256(reinterpret_cast<const __m256i*>(weights + j * 32));
          const Ints lower = _mm256_and_si256(nibbles, low_nibbles);
          const Ints upper = _mm256_and_si256(_mm256_srli_epi16(nibbles, 4), low_nibbles);
#pragma GCC unroll 2
          for (int i = 0; i < kRows; ++i) {
            const std::byte* const inputs = x + static_cast<std::size_t>(i) * rows.in_stride;
            const Ints both =
                _mm256_add_epi16(_mm256_maddubs_epi16(lower, four_inputs(inputs)),
                                 _mm256_maddubs_epi16(upper, four_inputs(inputs + 4)));
            pairs[i][j] = _mm256_add_epi16(pairs[i][j], both);
          }
        }
        x += 8;
        weights += place.width * 4;
      }
#pragma GCC unroll 2
      for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
        for (int j = 0; j < 2; ++j) {
          sums[i][j] = add_ints(sums[i][j], _mm256_madd_epi16(pairs[i][j], _mm256_set1_epi16(1)));
        }
      }
    }
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const Floats scale = load(scales + j * kLanes);
#pragma GCC unroll 2
      for (int i = 0; i < kRows; ++i) {
        values[i][j] = fma(to_floats(sums[i][j]), scale, values[i][j]);
      }
    }
    scales += place.width;
  }
#pragma GCC unroll 2
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      store(kept + i * kPanelOutputs + begin + j * kLanes, values[i][j]);
    }
  }
}

}  // namespace

void u4(const PackedDense& layer, const DenseRows& rows) {
  for_each_panel(layer, [&](std::int64_t column, std::int64_t width, const std::byte* weights) {
    Place place{.row = 0, .rows = 0, .column = column, .width = width};
    for (; place.row < rows.rows; place.row += place.rows) {
      place.rows = rows.rows - place.row < kTileRows ? 1 : kTileRows;
      alignas(64) float kept[kTileRows * kPanelOutputs];
      for (std::int64_t begin = 0; begin < width; begin += kTileOutputs) {
        if (place.rows == 1) {
          tile<1>(layer, rows, place, begin, weights, kept);
        } else {
          tile<2>(layer, rows, place, begin, weights, kept);
        }
      }
      finish_groups(layer, rows, place, kept);
    }
  });
}

}  // namespace penstock::kernels::isa::avx2

#include "kernels/isa/end.h"
#endif
