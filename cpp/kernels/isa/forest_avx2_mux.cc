// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/isa/begin_avx2.h"
#include "kernels/isa/forest_avx2.h"
#include "kernels/isa/forest_kinds.h"

// Forests of which 64 rows at a time are computed, a bit each: planes 0 to 3 of a number lie in one
// register, and 4 to 7 in another.
namespace penstock::kernels::isa::avx2 {
namespace {

inline __m256i load(const void* from) {
  return _mm256_load_si256(static_cast<const __m256i*>(from));
}
inline void store(void* to, __m256i value) { _mm256_store_si256(static_cast<__m256i*>(to), value); }

// Bit r is set where row r goes right.
inline std::uint64_t rights(const std::uint8_t* column, std::uint8_t index) {
  const __m256i at = _mm256_set1_epi8(static_cast<char>(index));
  const auto lefts = [&](const std::uint8_t* rows) {
    const __m256i value = load(rows);
    return static_cast<std::uint32_t>(
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(value, at), value)));
  };
  return ~(lefts(column) | std::uint64_t{lefts(column + 32)} << 32);
}

inline void write_leaf_numbers(std::uint32_t count, std::uint64_t* values) {
  for (std::uint32_t number = 0; number < count; ++number) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      values[8 * number + bit] = (number >> bit & 1) != 0 ? ~std::uint64_t{0} : 0;
    }
  }
}

template <int kHalves>
inline void run_program(const MuxForest& forest, const MuxProgram& program,
                        const std::uint64_t* words, std::uint64_t* values) {
  const MuxOp* op = forest.ops + program.first_op;
  const MuxOp* const end = op + program.ops;
  std::uint64_t* to = values + 8 * std::size_t{forest.most_leaves};
  for (; op != end; ++op, to += 8) {
    const __m256i right = _mm256_set1_epi64x(static_cast<std::int64_t>(words[op->predicate]));
    for (std::size_t half = 0; half < kHalves; ++half) {
      const __m256i of_right = load(values + 8 * std::size_t{op->right} + 4 * half);
      const __m256i of_left = load(values + 8 * std::size_t{op->left} + 4 * half);
      store(to + 4 * half, _mm256_or_si256(_mm256_and_si256(right, of_right),
                                           _mm256_andnot_si256(right, of_left)));
    }
  }
}

// The numbers of the leaves that 64 rows reach, as bytes.
inline void numbers_of(const std::uint64_t* planes, unsigned bits, std::uint8_t* numbers) {
  // In every byte the byte of the word that its row stands in, and then that row's bit.
  const __m256i word_byte = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2,
                                             2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
  const __m256i row_bit = _mm256_set1_epi64x(static_cast<std::int64_t>(0x8040201008040201U));
  for (int half = 0; half < 2; ++half) {
    __m256i all = _mm256_setzero_si256();
    for (unsigned bit = 0; bit < bits; ++bit) {
      const auto rows = static_cast<std::int32_t>(planes[bit] >> (32 * half));
      const __m256i own =
          _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(rows), word_byte), row_bit);
      const __m256i is_set = _mm256_cmpeq_epi8(own, row_bit);
      all = _mm256_or_si256(
          all, _mm256_and_si256(is_set, _mm256_set1_epi8(static_cast<char>(1U << bit))));
    }
    store(numbers + 32 * half, all);
  }
}

inline void add_leaves(float* sums, const float* table, const std::uint8_t* numbers) {
  for (int i = 0; i < 64; i += 8) {
    const __m256i at = _mm256_cvtepu8_epi32(_mm_loadu_si64(numbers + i));
    const __m256 sum = _mm256_load_ps(sums + i);
    _mm256_store_ps(sums + i, _mm256_add_ps(sum, _mm256_i32gather_ps(table, at, 4)));
  }
}

inline void add_leaves(double* sums, const double* table, const std::uint8_t* numbers) {
  for (int i = 0; i < 64; i += 4) {
    const __m128i at = _mm_cvtepu8_epi32(_mm_loadu_si32(numbers + i));
    const __m256d sum = _mm256_load_pd(sums + i);
    _mm256_store_pd(sums + i, _mm256_add_pd(sum, _mm256_i32gather_pd(table, at, 8)));
  }
}

}  // namespace

template <ForestLeaves kLeaves>
void mux(const MuxForest& forest, const std::uint8_t* columns, std::uint64_t* words,
         std::uint64_t* values, void* sums) {
  for (std::size_t i = 0; i < forest.predicate_count; ++i) {
    const MuxPredicate& asked = forest.predicates[i];
    words[i] = rights(columns + asked.column * kBlockRows, asked.index);
  }
  write_leaf_numbers(forest.most_leaves, values);
  for (std::uint32_t target = 0; target < forest.targets; ++target) {
    const MuxProgram* program = forest.programs + forest.target_programs[target];
    const MuxProgram* const end = forest.programs + forest.target_programs[target + 1];
    for (; program != end; ++program) {
      if (forest.most_leaves <= 16) {
        run_program<1>(forest, *program, words, values);
      } else {
        run_program<2>(forest, *program, words, values);
      }
      for (std::uint32_t i = 0; i < program->trees; ++i) {
        const std::uint32_t number = program->first_tree + i;
        const MuxTree& tree = forest.trees[number];
        const std::uint64_t* const planes = values + 8 * std::size_t{tree.root};
        const unsigned bits = tree.leaves <= 16   ? 4
                              : tree.leaves <= 32 ? 5
                              : tree.leaves <= 64 ? 6
                                                  : 8;
        if constexpr (kLeaves == kExits) {
          numbers_of(planes, bits, static_cast<std::uint8_t*>(sums) + number * kBlockRows);
        } else {
          using Sum = typename SumOf<kLeaves>::Type;
          alignas(32) std::uint8_t numbers[kBlockRows];
          numbers_of(planes, bits, numbers);
          add_leaves(static_cast<Sum*>(sums) + target * kBlockRows,
                     static_cast<const Sum*>(forest.leaves) + tree.first_leaf, numbers);
        }
      }
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

}  // namespace penstock::kernels::isa::avx2

#include "kernels/isa/end.h"
#endif
