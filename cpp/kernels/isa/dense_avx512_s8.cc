// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <cstdint>
#include <cstring>

#include "kernels/isa/begin_avx512.h"
#include "kernels/isa/dense_avx512.h"
#include "kernels/isa/dense_finish-inl.h"

// Products of u8 and s8: tiles of at most 6 rows and 64 outputs are 24 sums, 4 vectors of weights
// and one of a row, of 32 registers.
namespace penstock::kernels::isa::avx512 {
namespace {

enum class Finish {
  kBytes,   // PackedDense::is_clamped_only
  kFloats,  // of a static input, no activation or relu
  kLater,   // all else, through memory
};

// Of the intrinsic for it, gcc 12 makes copies of sums and spills them to the stack: half as fast.
inline void add_products(Ints& sums, Ints u8, Ints s8) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(u8), "v"(s8));
}
inline void add_products(Ints& sums, Ints u8, const std::byte* s8) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(u8), "m"(*reinterpret_cast<const __m512i*>(s8)));
}

inline Ints four_inputs(const std::byte* x) {
  std::int32_t four;
  std::memcpy(&four, x, sizeof four);
  return _mm512_set1_epi32(four);
}

// One instruction takes 4 or 5 cycles and two begin in each: so many sums must be under way, and
// where a tile has few of them, it has several sets that are added in the end.
constexpr int sets_of(int sums) { return sums <= 6 ? 4 : sums <= 12 ? 2 : 1; }

// Of a tile: its first row and output.
struct Corner {
  std::int64_t row;
  std::int64_t column;
};

template <int kRows, int kVectors>
struct Sums {
  Ints of[kRows][kVectors];
};

template <int kRows, int kVectors>
[[gnu::always_inline]] inline void add_step(Sums<kRows, kVectors>& sums, const std::byte* x,
                                            std::size_t stride, const std::byte* weights) {
  if constexpr (kRows == 1) {
    const Ints four = four_inputs(x);
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) add_products(sums.of[0][j], four, weights + j * 64);
  } else {
    Ints loaded[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) loaded[j] = _mm512_load_si512(weights + j * 64);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const Ints four = four_inputs(x + static_cast<std::size_t>(i) * stride);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) add_products(sums.of[i][j], four, loaded[j]);
    }
  }
}

template <int kRows, int kVectors>
[[gnu::always_inline]] inline Sums<kRows, kVectors> sums_of(const PackedDense& layer,
                                                            const Corner& corner,
                                                            const DenseRows& rows,
                                                            const std::byte* weights) {
  constexpr int kSets = sets_of(kRows * kVectors);
  constexpr std::int64_t kStepBytes = kVectors * 64;
  Sums<kRows, kVectors> sets[kSets];
#pragma GCC unroll 4
  for (int set = 0; set < kSets; ++set) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      const Ints begin = set == 0 && layer.start != nullptr
                             ? _mm512_load_si512(layer.start + corner.column + j * kLanes)
                             : _mm512_setzero_si512();
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) sets[set].of[i][j] = begin;
    }
  }
  const std::byte* x = rows.in + static_cast<std::size_t>(corner.row) * rows.in_stride;
  std::int64_t step = 0;
  for (; step + kSets <= layer.steps; step += kSets) {
#pragma GCC unroll 4
    for (int set = 0; set < kSets; ++set) {
      add_step(sets[set], x + set * 4, rows.in_stride, weights + set * kStepBytes);
    }
    x += kSets * 4;
    weights += kSets * kStepBytes;
  }
  for (; step < layer.steps; ++step, x += 4, weights += kStepBytes) {
    add_step(sets[0], x, rows.in_stride, weights);
  }
#pragma GCC unroll 4
  for (int set = 1; set < kSets; ++set) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) {
        sets[0].of[i][j] = _mm512_add_epi32(sets[0].of[i][j], sets[set].of[i][j]);
      }
    }
  }
  return sets[0];
}

template <int kRows>
[[gnu::always_inline]] inline void give_bytes(const PackedDense& layer, const Corner& corner,
                                              const DenseRows& rows, Sums<kRows, 4>& sums) {
  const Floats inverse = set(layer.next.inverse);
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const Floats scale = load(layer.scale + corner.column + j * kLanes);
    const Floats bias = load(layer.bias + corner.column + j * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      sums.of[i][j] = to_ints(mul(fma(to_floats(sums.of[i][j]), scale, bias), inverse));
    }
  }
  // Narrowing saturates, which is the clamp. It goes by lanes of 128 bits: sixteen bytes of these
  // come four from each vector, and are put in order at the end.
  const Ints zero = _mm512_set1_epi16(static_cast<short>(layer.next.zero_point));
  const Ints order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  std::uint8_t* to = rows.q + static_cast<std::size_t>(corner.row) * rows.q_stride + corner.column;
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i, to += rows.q_stride) {
    const Ints low = _mm512_packs_epi32(sums.of[i][0], sums.of[i][1]);
    const Ints high = _mm512_packs_epi32(sums.of[i][2], sums.of[i][3]);
    const Ints bytes =
        _mm512_packus_epi16(_mm512_adds_epi16(low, zero), _mm512_adds_epi16(high, zero));
    _mm512_storeu_si512(to, _mm512_permutexvar_epi32(order, bytes));
  }
}

template <int kRows, int kVectors>
[[gnu::always_inline]] inline void give_floats(const PackedDense& layer, const Corner& corner,
                                               const DenseRows& rows,
                                               const Sums<kRows, kVectors>& sums) {
  const bool is_relu = layer.activation.function == Function::kRelu;
  // Nothing lies below negative infinity.
  const Floats floor = set(is_relu ? 0 : -__builtin_inff());
  const std::int64_t left = layer.outputs - corner.column;
  float* const to = rows.y + static_cast<std::size_t>(corner.row) * rows.y_stride + corner.column;
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) {
    const Floats scale = load(layer.scale + corner.column + j * kLanes);
    const Floats bias = load(layer.bias + corner.column + j * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      store_first(to + static_cast<std::size_t>(i) * rows.y_stride + j * kLanes,
                  max(floor, fma(to_floats(sums.of[i][j]), scale, bias)), left - j * kLanes);
    }
  }
}

template <int kRows, int kVectors>
[[gnu::always_inline]] inline void give_later(const PackedDense& layer, const Corner& corner,
                                              const DenseRows& rows,
                                              const Sums<kRows, kVectors>& sums) {
  alignas(64) std::int32_t kept[kRows * kPanelOutputs];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      _mm512_store_si512(kept + i * kPanelOutputs + j * kLanes, sums.of[i][j]);
    }
  }
  constexpr std::int64_t kWidth = kVectors * kLanes;
  finish_integers(layer, rows,
                  {.row = corner.row, .rows = kRows, .column = corner.column, .width = kWidth},
                  kept);
}

// A tile's place goes in registers: read back as a whole from where its members were just stored
// one by one, it would wait for the stores, longer than a small layer's products take.
template <int kRows, int kVectors, Finish kFinish>
[[gnu::noinline]] void tile(const PackedDense& layer, const DenseRows& rows, Corner corner,
                            const std::byte* weights) {
  Sums<kRows, kVectors> sums = sums_of<kRows, kVectors>(layer, corner, rows, weights);
  if constexpr (kFinish == Finish::kBytes) {
    give_bytes<kRows>(layer, corner, rows, sums);
  } else if constexpr (kFinish == Finish::kFloats) {
    give_floats<kRows, kVectors>(layer, corner, rows, sums);
  } else {
    give_later<kRows, kVectors>(layer, corner, rows, sums);
  }
}

template <int kVectors, Finish kFinish>
void tiles(const PackedDense& layer, const DenseRows& rows, std::int64_t column,
           const std::byte* weights) {
  // Split evenly: 8 rows are 4 and 4, not 6 and 2.
  std::int64_t tiles_left = (rows.rows + kTileRowsMax - 1) / kTileRowsMax;
  for (std::int64_t row = 0; row < rows.rows; --tiles_left) {
    const std::int64_t left = rows.rows - row;
    const std::int64_t count = tiles_left == 1 ? left : (left + tiles_left - 1) / tiles_left;
    const Corner corner{.row = row, .column = column};
    switch (count) {
      case 1: tile<1, kVectors, kFinish>(layer, rows, corner, weights); break;
      case 2: tile<2, kVectors, kFinish>(layer, rows, corner, weights); break;
      case 3: tile<3, kVectors, kFinish>(layer, rows, corner, weights); break;
      case 4: tile<4, kVectors, kFinish>(layer, rows, corner, weights); break;
      case 5: tile<5, kVectors, kFinish>(layer, rows, corner, weights); break;
      default: tile<6, kVectors, kFinish>(layer, rows, corner, weights); break;
    }
    row += count;
  }
}

Finish finish_of(const PackedDense& layer, const DenseRows& rows) {
  if (rows.q != nullptr) return layer.is_clamped_only ? Finish::kBytes : Finish::kLater;
  const Function function = layer.activation.function;
  const bool is_plain = function == Function::kIdentity || function == Function::kRelu;
  return layer.start != nullptr && is_plain ? Finish::kFloats : Finish::kLater;
}

// Bytes are given by whole panels only.
template <int kVectors>
void tiles_finished(Finish finish, const PackedDense& layer, const DenseRows& rows,
                    std::int64_t column, const std::byte* weights) {
  if constexpr (kVectors == 4) {
    if (finish == Finish::kBytes) {
      return tiles<kVectors, Finish::kBytes>(layer, rows, column, weights);
    }
  }
  if (finish == Finish::kFloats) {
    return tiles<kVectors, Finish::kFloats>(layer, rows, column, weights);
  }
  tiles<kVectors, Finish::kLater>(layer, rows, column, weights);
}

}  // namespace

void s8(const PackedDense& layer, const DenseRows& rows) {
  const Finish finish = finish_of(layer, rows);
  for_each_panel(layer, [&](std::int64_t column, std::int64_t width, const std::byte* weights) {
    switch (width / kLanes) {
      case 1: return tiles_finished<1>(finish, layer, rows, column, weights);
      case 2: return tiles_finished<2>(finish, layer, rows, column, weights);
      case 3: return tiles_finished<3>(finish, layer, rows, column, weights);
      default: return tiles_finished<4>(finish, layer, rows, column, weights);
    }
  });
}

}  // namespace penstock::kernels::isa::avx512

#include "kernels/isa/end.h"
#endif
