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
inline const std::uint64_t* run_tree(const MuxForest& forest, const MuxTree& tree,
                                     const std::uint64_t* words, std::uint64_t* values) {
  if (tree.ops == 0) return values;
  const MuxOp* op = forest.ops + tree.first_op;
  const MuxOp* const end = op + tree.ops;
  std::uint64_t* to = values + 8 * std::size_t{forest.most_leaves};
  __m256i value[kHalves] = {};
  for (; op != end; ++op, to += 8) {
    const __m256i keep = _mm256_set1_epi64x(static_cast<std::int64_t>(words[op->keep]));
    for (int half = 0; half < kHalves; ++half) {
      const __m256i other = load(values + 8 * op->other + 4 * half);
      value[half] =
          _mm256_or_si256(_mm256_and_si256(keep, value[half]), _mm256_andnot_si256(keep, other));
      store(to + 4 * half, value[half]);
    }
  }
  return to - 8;
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
    words[2 * i] = rights(columns + asked.column * kBlockRows, asked.index);
    words[2 * i + 1] = ~words[2 * i];
  }
  words[2 * forest.predicate_count] = 0;
  write_leaf_numbers(forest.most_leaves, values);
  for (std::uint32_t target = 0; target < forest.targets; ++target) {
    const std::uint32_t end = forest.target_trees[target + 1];
    for (std::uint32_t tree = forest.target_trees[target]; tree < end; ++tree) {
      const MuxTree& one = forest.trees[tree];
      const std::uint64_t* const planes = one.leaves <= 16
                                              ? run_tree<1>(forest, one, words, values)
                                              : run_tree<2>(forest, one, words, values);
      const unsigned bits = one.leaves <= 16 ? 4 : one.leaves <= 32 ? 5 : one.leaves <= 64 ? 6 : 8;
      if constexpr (kLeaves == kExits) {
        numbers_of(planes, bits, static_cast<std::uint8_t*>(sums) + tree * kBlockRows);
      } else {
        using Sum = typename SumOf<kLeaves>::Type;
        alignas(32) std::uint8_t numbers[kBlockRows];
        numbers_of(planes, bits, numbers);
        add_leaves(static_cast<Sum*>(sums) + target * kBlockRows,
                   static_cast<const Sum*>(forest.leaves) + one.first_leaf, numbers);
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
