// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <cstdint>
#include <cstring>

#include "kernels/isa/begin_avx512.h"
#include "kernels/isa/dense_avx512.h"
#include "kernels/isa/dense_finish-inl.h"

// Nibbles are the unsigned factor, rows the signed one. The upper nibble is not shifted down: its
// products are sixteen times too large, and so is their sum, which is shifted once a group.
namespace penstock::kernels::isa::avx512 {
namespace {

constexpr int kTileRows = 3;

// As in dense_avx512_s8.cc.
inline void add_products(Ints& sums, Ints u8, Ints s8) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(u8), "v"(s8));
}

inline Ints four_inputs(const std::byte* x) {
  std::int32_t four;
  std::memcpy(&four, x, sizeof four);
  return _mm512_set1_epi32(four);
}

template <int kRows, int kVectors>
[[gnu::noinline]] void tile(const PackedDense& layer, const DenseRows& rows, const Place& place,
                            const std::byte* weights) {
  const Ints low_nibbles = _mm512_set1_epi8(0x0f);
  const Ints high_nibbles = _mm512_set1_epi8(static_cast<char>(0xf0));
  Floats values[kRows][kVectors];
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) values[i][j] = set(0);
  }
  const std::byte* x = rows.in + static_cast<std::size_t>(place.row) * rows.in_stride;
  const float* scales = layer.group_scales + place.column * layer.groups;
  const std::int32_t* group_sums = rows.group_sums + place.row * layer.groups;
  std::int64_t step = 0;
  for (std::int64_t group = 0; group < layer.groups; ++group, ++group_sums) {
    Ints low[kRows][kVectors];
    Ints high[kRows][kVectors];
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) {
        low[i][j] = set_ints(-group_sums[i * layer.groups]);
        high[i][j] = _mm512_setzero_si512();
      }
    }
    const std::int64_t left = layer.steps - step;
    const std::int64_t end = step + (left < layer.group_steps ? left : layer.group_steps);
    for (; step < end; ++step, x += 8, weights += kVectors * 64) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) {
        const Ints nibbles = _mm512_load_si512(weights + j * 64);
        const Ints lower = _mm512_and_si512(nibbles, low_nibbles);
        const Ints upper = _mm512_and_si512(nibbles, high_nibbles);
#pragma GCC unroll 4
        for (int i = 0; i < kRows; ++i) {
          const std::byte* const inputs = x + static_cast<std::size_t>(i) * rows.in_stride;
          add_products(low[i][j], lower, four_inputs(inputs));
          add_products(high[i][j], upper, four_inputs(inputs + 4));
        }
      }
    }
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j, scales += kLanes) {
      const Floats scale = load(scales);
#pragma GCC unroll 4
      for (int i = 0; i < kRows; ++i) {
        const Ints sum = add_ints(low[i][j], _mm512_srai_epi32(high[i][j], 4));
        values[i][j] = fma(to_floats(sum), scale, values[i][j]);
      }
    }
  }
  alignas(64) float kept[kRows * kPanelOutputs];
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) store(kept + i * kPanelOutputs + j * kLanes, values[i][j]);
  }
  finish_groups(layer, rows, place, kept);
}

template <int kVectors>
void tiles(const PackedDense& layer, const DenseRows& rows, Place place, const std::byte* weights) {
  std::int64_t tiles_left = (rows.rows + kTileRows - 1) / kTileRows;
  for (; tiles_left > 0; --tiles_left, place.row += place.rows) {
    place.rows = (rows.rows - place.row + tiles_left - 1) / tiles_left;
    switch (place.rows) {
      case 1: tile<1, kVectors>(layer, rows, place, weights); break;
      case 2: tile<2, kVectors>(layer, rows, place, weights); break;
      default: tile<3, kVectors>(layer, rows, place, weights); break;
    }
  }
}

}  // namespace

void u4(const PackedDense& layer, const DenseRows& rows) {
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

}  // namespace penstock::kernels::isa::avx512

#include "kernels/isa/end.h"
#endif
