// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/isa/begin_avx512.h"
#include "kernels/isa/forest_avx512.h"
#include "kernels/isa/forest_kinds.h"

// Forests of which 64 rows at a time are computed, a bit each.
namespace penstock::kernels::isa::avx512 {
namespace {

// Sums of a block of rows.
struct FloatSums {
  __m512 of[4];
};
struct DoubleSums {
  __m512d of[8];
};

template <ForestLeaves kLeaves>
struct BlockOf {
  using Sums = FloatSums;
};
template <>
struct BlockOf<kDoubles> {
  using Sums = DoubleSums;
};

// The numbers of the leaves that 64 rows reach, as bytes: the bits of each lie in eight words.
template <unsigned kBits>
inline __m512i numbers_of(const std::uint64_t* plane) {
  __m512i numbers = _mm512_maskz_set1_epi8(plane[0], 1);
#pragma GCC unroll 8
  for (unsigned bit = 1; bit < kBits; ++bit) {
    const __m512i value = _mm512_set1_epi8(static_cast<char>(1U << bit));
    numbers = _mm512_mask_add_epi8(numbers, plane[bit], numbers, value);
  }
  return numbers;
}

inline __m512i sixteen(__m512i bytes, int which) {
  switch (which) {
    case 0: return _mm512_cvtepu8_epi32(_mm512_castsi512_si128(bytes));
    case 1: return _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bytes, 1));
    case 2: return _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bytes, 2));
    default: return _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bytes, 3));
  }
}

inline void add_leaves(FloatSums& sums, const float* table, std::uint32_t leaves,
                       const std::uint64_t* planes) {
  if (leaves <= 32) {
    const __m512i numbers = numbers_of<5>(planes);
    const __m512 low = _mm512_loadu_ps(table);
    const __m512 high = _mm512_loadu_ps(table + 16);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      sums.of[i] =
          _mm512_add_ps(sums.of[i], _mm512_permutex2var_ps(low, sixteen(numbers, i), high));
    }
  } else if (leaves <= 64) {
    const __m512i numbers = numbers_of<6>(planes);
    const __m512 a = _mm512_loadu_ps(table);
    const __m512 b = _mm512_loadu_ps(table + 16);
    const __m512 c = _mm512_loadu_ps(table + 32);
    const __m512 d = _mm512_loadu_ps(table + 48);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m512i at = sixteen(numbers, i);
      const __mmask16 is_high = _mm512_test_epi32_mask(at, _mm512_set1_epi32(32));
      sums.of[i] =
          _mm512_add_ps(sums.of[i], _mm512_mask_blend_ps(is_high, _mm512_permutex2var_ps(a, at, b),
                                                         _mm512_permutex2var_ps(c, at, d)));
    }
  } else {
    const __m512i numbers = numbers_of<8>(planes);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      sums.of[i] = _mm512_add_ps(sums.of[i], _mm512_i32gather_ps(sixteen(numbers, i), table, 4));
    }
  }
}

inline void add_leaves(DoubleSums& sums, const double* table, std::uint32_t leaves,
                       const std::uint64_t* planes) {
  alignas(64) std::uint8_t all[64];
  _mm512_store_si512(all, leaves <= 32 ? numbers_of<5>(planes) : numbers_of<8>(planes));
  const auto at = [&](int i) {
    return _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(all + 8 * i)));
  };
  if (leaves <= 16) {
    const __m512d low = _mm512_loadu_pd(table);
    const __m512d high = _mm512_loadu_pd(table + 8);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      sums.of[i] = _mm512_add_pd(sums.of[i], _mm512_permutex2var_pd(low, at(i), high));
    }
  } else if (leaves <= 32) {
    const __m512d a = _mm512_loadu_pd(table);
    const __m512d b = _mm512_loadu_pd(table + 8);
    const __m512d c = _mm512_loadu_pd(table + 16);
    const __m512d d = _mm512_loadu_pd(table + 24);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      const __m512i place = at(i);
      const __mmask8 is_high = _mm512_test_epi64_mask(place, _mm512_set1_epi64(16));
      sums.of[i] = _mm512_add_pd(sums.of[i],
                                 _mm512_mask_blend_pd(is_high, _mm512_permutex2var_pd(a, place, b),
                                                      _mm512_permutex2var_pd(c, place, d)));
    }
  } else {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      sums.of[i] = _mm512_add_pd(sums.of[i], _mm512_i64gather_pd(at(i), table, 8));
    }
  }
}

inline void load_sums(FloatSums& sums, const float* from) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) sums.of[i] = _mm512_load_ps(from + 16 * i);
}
inline void load_sums(DoubleSums& sums, const double* from) {
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) sums.of[i] = _mm512_load_pd(from + 8 * i);
}
inline void store_sums(const FloatSums& sums, float* to) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) _mm512_store_ps(to + 16 * i, sums.of[i]);
}
inline void store_sums(const DoubleSums& sums, double* to) {
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) _mm512_store_pd(to + 8 * i, sums.of[i]);
}

// Those of the leaves: bit b of the number, in all 64 rows, is word b.
inline void write_leaf_numbers(std::uint32_t count, std::uint64_t* values) {
  const __m512i bits = _mm512_setr_epi64(1, 2, 4, 8, 16, 32, 64, 128);
  for (std::uint32_t number = 0; number < count; ++number) {
    const __mmask8 set = _mm512_test_epi64_mask(_mm512_set1_epi64(number), bits);
    _mm512_store_si512(values + 8 * number, _mm512_maskz_set1_epi64(set, -1));
  }
}

inline void run_program(const MuxForest& forest, const MuxProgram& program,
                        const std::uint64_t* words, std::uint64_t* values) {
  const MuxOp* op = forest.ops + program.first_op;
  const MuxOp* const end = op + program.ops;
  std::uint64_t* to = values + 8 * std::size_t{forest.most_leaves};
  for (; op != end; ++op, to += 8) {
    const __m512i right = _mm512_set1_epi64(static_cast<std::int64_t>(words[op->predicate]));
    _mm512_store_si512(
        to, _mm512_ternarylogic_epi64(right, _mm512_load_si512(values + 8 * std::size_t{op->right}),
                                      _mm512_load_si512(values + 8 * std::size_t{op->left}), 0xCA));
  }
}

}  // namespace

template <ForestLeaves kLeaves>
void mux(const MuxForest& forest, const std::uint8_t* columns, std::uint64_t* words,
         std::uint64_t* values, void* sums) {
  for (std::size_t i = 0; i < forest.predicate_count; ++i) {
    const MuxPredicate& asked = forest.predicates[i];
    words[i] = _mm512_cmpgt_epu8_mask(_mm512_load_si512(columns + asked.column * kBlockRows),
                                      _mm512_set1_epi8(static_cast<char>(asked.index)));
  }
  write_leaf_numbers(forest.most_leaves, values);
  const auto planes_of = [&](const MuxTree& tree) { return values + 8 * std::size_t{tree.root}; };
  for (std::uint32_t target = 0; target < forest.targets; ++target) {
    const MuxProgram* program = forest.programs + forest.target_programs[target];
    const MuxProgram* const end = forest.programs + forest.target_programs[target + 1];
    if constexpr (kLeaves == kExits) {
      auto* const to = static_cast<std::uint8_t*>(sums);
      for (; program != end; ++program) {
        run_program(forest, *program, words, values);
        for (std::uint32_t i = 0; i < program->trees; ++i) {
          const std::uint32_t tree = program->first_tree + i;
          _mm512_storeu_si512(to + tree * kBlockRows, numbers_of<8>(planes_of(forest.trees[tree])));
        }
      }
    } else {
      using Sum = typename SumOf<kLeaves>::Type;
      auto* const to = static_cast<Sum*>(sums) + target * kBlockRows;
      typename BlockOf<kLeaves>::Sums all;
      load_sums(all, to);
      for (; program != end; ++program) {
        run_program(forest, *program, words, values);
        for (std::uint32_t i = 0; i < program->trees; ++i) {
          const MuxTree& tree = forest.trees[program->first_tree + i];
          add_leaves(all, static_cast<const Sum*>(forest.leaves) + tree.first_leaf, tree.leaves,
                     planes_of(tree));
        }
      }
      store_sums(all, to);
    }
  }
}

template void mux<kFloats>(const MuxForest&, const std::uint8_t*, std::uint64_t*, std::uint64_t*,
                           void*);
template void mux<kDoubles>(const MuxForest&, const std::uint8_t*, std::uint64_t*, std::uint64_t*,
                            void*);
template void mux<kAnyOrder>(const MuxForest&, const std::uint8_t*, std::uint64_t*, std::uint64_t*,
                             void*);
template void mux<kExits>(const MuxForest&, const std::uint8_t*, std::uint64_t*, std::uint64_t*,
                          void*);

}  // namespace penstock::kernels::isa::avx512

#include "kernels/isa/end.h"
#endif
