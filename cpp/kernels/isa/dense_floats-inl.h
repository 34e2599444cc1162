// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/dense_layout.h"
#include "kernels/isa/dense_finish-inl.h"

// Products of floats, and of bfloat16 widened to floats, for instruction sets with more than one
// lane. Needs, besides the vocabulary, kTileVectors: vectors of outputs that a tile of kTileRowsMax
// rows has. Sums are taken in one order, whatever the tile: bits do not depend on it.
namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE {
namespace {

constexpr std::int64_t kTileOutputs = kTileVectors * kLanes;

inline Floats one_input(const std::byte* x) {
  float one;
  std::memcpy(&one, x, sizeof one);
  return set(one);
}

template <int kRows, int kVectors>
struct FloatSums {
  Floats of[kRows][kVectors];
};

// sums += x (one input of each row) times the weights.
template <int kRows, int kVectors>
[[gnu::always_inline]] inline void add_input(FloatSums<kRows, kVectors>& sums, const std::byte* x,
                                             std::size_t stride,
                                             const Floats (&weights)[kVectors]) {
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    const Floats input = one_input(x + static_cast<std::size_t>(i) * stride);
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums.of[i][j] = fma(input, weights[j], sums.of[i][j]);
  }
}

struct Fp32Step {
  static constexpr std::int64_t kInputBytes = 4;

  template <int kRows, int kVectors>
  [[gnu::always_inline]] static inline void add(FloatSums<kRows, kVectors>& sums,
                                                const std::byte* x, std::size_t stride,
                                                const std::byte* weights) {
    Floats loaded[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      loaded[j] = load(reinterpret_cast<const float*>(weights) + j * kLanes);
    }
    add_input(sums, x, stride, loaded);
  }
};

// A pair of inputs, the second first.
struct Bf16Step {
  static constexpr std::int64_t kInputBytes = 8;

  template <int kRows, int kVectors>
  [[gnu::always_inline]] static inline void add(FloatSums<kRows, kVectors>& sums,
                                                const std::byte* x, std::size_t stride,
                                                const std::byte* weights) {
    const auto* const pairs = reinterpret_cast<const std::int32_t*>(weights);
    Floats widened[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) widened[j] = upper_bf16(load_ints(pairs + j * kLanes));
    add_input(sums, x + 4, stride, widened);
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) widened[j] = lower_bf16(load_ints(pairs + j * kLanes));
    add_input(sums, x, stride, widened);
  }
};

// Sums of a part of a panel, from its output `begin` on, into `kept`.
template <class Step, int kRows, int kVectors>
[[gnu::noinline]] void sum_floats(const PackedDense& layer, const DenseRows& rows,
                                  const Place& place, std::int64_t begin, const std::byte* weights,
                                  float* kept) {
  FloatSums<kRows, kVectors> sums;
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums.of[i][j] = set(0);
  }
  const std::byte* x = rows.in + static_cast<std::size_t>(place.row) * rows.in_stride;
  weights += begin * 4;
  for (std::int64_t step = 0; step < layer.steps; ++step) {
    Step::add(sums, x, rows.in_stride, weights);
    x += Step::kInputBytes;
    weights += place.width * 4;
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      store(kept + i * kPanelOutputs + begin + j * kLanes, sums.of[i][j]);
    }
  }
}

template <class Step, int kVectors>
inline void sum_rows(const PackedDense& layer, const DenseRows& rows, const Place& place,
                     std::int64_t begin, const std::byte* weights, float* kept) {
  switch (place.rows) {
    case 1: return sum_floats<Step, 1, kVectors>(layer, rows, place, begin, weights, kept);
    case 2: return sum_floats<Step, 2, kVectors>(layer, rows, place, begin, weights, kept);
    case 3: return sum_floats<Step, 3, kVectors>(layer, rows, place, begin, weights, kept);
    case 4: return sum_floats<Step, 4, kVectors>(layer, rows, place, begin, weights, kept);
    case 5: return sum_floats<Step, 5, kVectors>(layer, rows, place, begin, weights, kept);
    default: return sum_floats<Step, 6, kVectors>(layer, rows, place, begin, weights, kept);
  }
}

template <class Step>
inline void multiply_floats(const PackedDense& layer, const DenseRows& rows) {
  for_each_panel(layer, [&](std::int64_t column, std::int64_t width, const std::byte* weights) {
    Place place{.row = 0, .rows = 0, .column = column, .width = width};
    std::int64_t tiles = (rows.rows + kTileRowsMax - 1) / kTileRowsMax;
    for (; tiles > 0; --tiles, place.row += place.rows) {
      place.rows = (rows.rows - place.row + tiles - 1) / tiles;
      alignas(64) float kept[kTileRowsMax * kPanelOutputs];
      std::int64_t begin = 0;
      for (; begin + kTileOutputs <= width; begin += kTileOutputs) {
        sum_rows<Step, kTileVectors>(layer, rows, place, begin, weights, kept);
      }
      for (; begin < width; begin += kOutputsMultiple) {
        sum_rows<Step, kOutputsMultiple / kLanes>(layer, rows, place, begin, weights, kept);
      }
      finish_floats(layer, rows, place, kept);
    }
  });
}

void round_bf16(const FloatRows& in, std::byte* rounded, std::size_t stride) {
  for (std::int64_t row = 0; row < in.rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    const float* const x = in.x + at * in.stride;
    auto* const to = reinterpret_cast<float*>(rounded + at * stride);
    for (std::int64_t i = 0; i < in.width; i += kLanes) {
      store(to + i, rounded_to_bf16(load_first(x + i, in.width - i)));
    }
  }
}

}  // namespace
}  // namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE
