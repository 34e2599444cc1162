// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/isa/begin_avx512.h"
#include "kernels/isa/forest_table.h"

// Forests by AVX-512: bytes are looked up by vpermb, compared 64 at a time, and what comes out are
// mask registers.
namespace penstock::kernels::isa {
namespace {

constexpr ForestLeaves kFloats = ForestLeaves::kFloats;
constexpr ForestLeaves kDoubles = ForestLeaves::kDoubles;
constexpr ForestLeaves kAnyOrder = ForestLeaves::kAnyOrder;
constexpr ForestLeaves kExits = ForestLeaves::kExits;

// Sums of a block of rows.
struct FloatSums {
  __m512 of[4];
};
struct DoubleSums {
  __m512d of[8];
};

template <ForestLeaves kLeaves>
struct SumOf {
  using Type = float;
  using Block = FloatSums;
};
template <>
struct SumOf<kDoubles> {
  using Type = double;
  using Block = DoubleSums;
};
template <>
struct SumOf<kExits> {
  using Type = std::uint32_t;
};

// --- ranks ------------------------------------------------------------------------------------

// How many of sixteen thresholds are below x.
inline unsigned below(const float* table, __m512 x) {
  return static_cast<unsigned>(
      _mm_popcnt_u32(_mm512_cmp_ps_mask(_mm512_load_ps(table), x, _CMP_LT_OQ)));
}
inline unsigned below(const double* table, __m512d x) {
  const __mmask8 low = _mm512_cmp_pd_mask(_mm512_load_pd(table), x, _CMP_LT_OQ);
  const __mmask8 high = _mm512_cmp_pd_mask(_mm512_load_pd(table + 8), x, _CMP_LT_OQ);
  return static_cast<unsigned>(_mm_popcnt_u32(low | static_cast<unsigned>(high) << 8));
}
inline __m512 everywhere(float x) { return _mm512_set1_ps(x); }
inline __m512d everywhere(double x) { return _mm512_set1_pd(x); }

template <class In>
inline std::uint16_t rank_of(const RankSearch<In>& search, In x) {
  const auto wide = everywhere(x);
  const In* table = search.tables;
  unsigned rank = below(table, wide);
  unsigned size = kRankWays;
  for (std::uint32_t level = 1; level < search.levels; ++level) {
    table += size;
    rank = rank * kRankWays + below(table + rank * kRankWays, wide);
    size *= kRankWays;
  }
  return static_cast<std::uint16_t>(rank);
}

// Columns from ranks: 32 at a time while two registers hold all ranks.
template <class In>
inline void spread(const RankPlan<In>& plan, const std::uint16_t* ranks, std::uint8_t* columns) {
  if (plan.features > 64) {
    for (std::size_t c = 0; c < plan.columns; ++c) {
      const int rank = ranks[plan.source[c]] - plan.first[c];
      columns[c] = static_cast<std::uint8_t>(rank < 0 ? 0 : rank > 255 ? 255 : rank);
    }
    return;
  }
  const __m512i low = _mm512_load_si512(ranks);
  const __m512i high = _mm512_load_si512(ranks + 32);
  for (std::size_t c = 0; c < plan.columns; c += 32) {
    const __m512i source = _mm512_load_si512(plan.source + c);
    const __m512i found = _mm512_permutex2var_epi16(low, source, high);
    const __m512i within = _mm512_subs_epu16(found, _mm512_load_si512(plan.first + c));
    _mm256_store_si256(reinterpret_cast<__m256i*>(columns + c), _mm512_cvtusepi16_epi8(within));
  }
}

constexpr double kZeroMax = 1e-35;

template <class In>
bool rank(const RankPlan<In>& plan, const In* x, std::uint16_t* ranks, std::uint8_t* columns) {
  bool is_special = false;
  for (std::size_t i = 0; i < plan.features; ++i) {
    const RankSearch<In>& search = plan.searches[i];
    const In value = x[search.feature];
    is_special |= value != value;
    ranks[i] = rank_of(search, value);
  }
  if (plan.is_zero_special) {
    for (std::size_t i = 0; i < plan.features; ++i) {
      const auto value = static_cast<double>(x[plan.searches[i].feature]);
      is_special |= value <= kZeroMax && value >= -kZeroMax;
    }
  }
  spread(plan, ranks, columns);
  return is_special;
}

// --- leaves of sixteen trees ------------------------------------------------------------------

// Adds them, one tree after the other.
template <ForestLeaves kLeaves, class Sum>
inline Sum add_in_order(Sum sum, const void* leaves, __m512i at) {
  if constexpr (kLeaves == kDoubles) {
    alignas(64) double values[16];
    const auto* const table = static_cast<const double*>(leaves);
    _mm512_store_pd(values, _mm512_i32gather_pd(_mm512_castsi512_si256(at), table, 8));
    _mm512_store_pd(values + 8, _mm512_i32gather_pd(_mm512_extracti64x4_epi64(at, 1), table, 8));
    for (const double value : values) sum += value;
  } else {
    alignas(64) float values[16];
    _mm512_store_ps(values, _mm512_i32gather_ps(at, static_cast<const float*>(leaves), 4));
    for (const float value : values) sum += value;
  }
  return sum;
}

// --- masks ------------------------------------------------------------------------------------

struct RowColumns {
  __m512i low;
  __m512i high;
};

inline RowColumns load_columns(const std::uint8_t* columns) {
  return {_mm512_load_si512(columns), _mm512_load_si512(columns + 64)};
}

template <bool kIsWide>
inline __m512i pick(const RowColumns& columns, __m512i which) {
  if constexpr (kIsWide) {
    return _mm512_permutex2var_epi8(columns.low, which, columns.high);
  } else {
    return _mm512_permutexvar_epi8(which, columns.low);
  }
}

// Which of 64 nodes send the row to the right.
template <bool kIsWide>
inline __mmask64 rights(const RowColumns& columns, const std::uint8_t* column,
                        const std::uint8_t* index) {
  return _mm512_cmpgt_epu8_mask(pick<kIsWide>(columns, _mm512_load_si512(column)),
                                _mm512_load_si512(index));
}

inline __m512i lanes() {
  return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

template <bool kIsWide>
inline __m512i exits32(const MaskForest& forest, const RowColumns& columns, std::size_t first,
                       std::size_t end) {
  const auto* const masks = static_cast<const std::uint32_t*>(forest.masks);
  __m512i a = _mm512_set1_epi32(-1);
  __m512i b = a;
  __m512i c = a;
  __m512i d = a;
  for (std::size_t at = first * kMaskTrees; at < end * kMaskTrees; at += 64) {
    const __mmask64 right = rights<kIsWide>(columns, forest.column + at, forest.index + at);
    const std::uint32_t* const mask = masks + at;
    a = _mm512_mask_and_epi32(a, static_cast<__mmask16>(right), a, _mm512_load_si512(mask));
    b = _mm512_mask_and_epi32(b, static_cast<__mmask16>(right >> 16), b,
                              _mm512_load_si512(mask + 16));
    c = _mm512_mask_and_epi32(c, static_cast<__mmask16>(right >> 32), c,
                              _mm512_load_si512(mask + 32));
    d = _mm512_mask_and_epi32(d, static_cast<__mmask16>(right >> 48), d,
                              _mm512_load_si512(mask + 48));
  }
  a = _mm512_and_epi32(_mm512_and_epi32(a, b), _mm512_and_epi32(c, d));
  const __m512i lowest = _mm512_and_epi32(a, _mm512_sub_epi32(_mm512_setzero_si512(), a));
  return _mm512_sub_epi32(_mm512_set1_epi32(31), _mm512_lzcnt_epi32(lowest));
}

template <bool kIsWide>
inline __m512i exits64(const MaskForest& forest, const RowColumns& columns, std::size_t first,
                       std::size_t end) {
  const auto* const masks = static_cast<const std::uint64_t*>(forest.masks);
  __m512i low = _mm512_set1_epi64(-1);
  __m512i high = low;
  for (std::size_t at = first * kMaskTrees; at < end * kMaskTrees; at += 64) {
    const __mmask64 right = rights<kIsWide>(columns, forest.column + at, forest.index + at);
    const std::uint64_t* const mask = masks + at;
    for (std::size_t i = 0; i < 64; i += 16) {
      low = _mm512_mask_and_epi64(low, static_cast<__mmask8>(right >> i), low,
                                  _mm512_load_si512(mask + i));
      high = _mm512_mask_and_epi64(high, static_cast<__mmask8>(right >> (i + 8)), high,
                                   _mm512_load_si512(mask + i + 8));
    }
  }
  const __m512i zero = _mm512_setzero_si512();
  const __m512i last = _mm512_set1_epi64(63);
  low = _mm512_and_epi64(low, _mm512_sub_epi64(zero, low));
  high = _mm512_and_epi64(high, _mm512_sub_epi64(zero, high));
  const __m256i of_low = _mm512_cvtepi64_epi32(_mm512_sub_epi64(last, _mm512_lzcnt_epi64(low)));
  const __m256i of_high = _mm512_cvtepi64_epi32(_mm512_sub_epi64(last, _mm512_lzcnt_epi64(high)));
  return _mm512_inserti64x4(_mm512_castsi256_si512(of_low), of_high, 1);
}

template <ForestLeaves kLeaves, bool kIsWide, std::uint32_t kBits>
void masks_of(const MaskForest& forest, const std::uint8_t* bytes, void* sums) {
  using Sum = typename SumOf<kLeaves>::Type;
  const RowColumns columns = load_columns(bytes);
  const __m512i places = _mm512_mullo_epi32(lanes(), _mm512_set1_epi32(kBits));
  constexpr std::size_t kGroupBytes = kMaskTrees * kBits * sizeof(Sum);
  const auto* leaves = static_cast<const std::uint8_t*>(forest.leaves);
  auto* const to = static_cast<Sum*>(sums);
  for (std::uint32_t target = 0; target < forest.targets; ++target) {
    const std::uint32_t end = forest.target_groups[target + 1];
    __m512 any_order = _mm512_setzero_ps();
    Sum sum = kLeaves == kExits ? 0 : to[target];
    for (std::uint32_t group = forest.target_groups[target]; group < end; ++group) {
      const std::size_t first_slot = forest.group_slots[group];
      const std::size_t end_slot = forest.group_slots[group + 1];
      const __m512i exits = kBits == 32 ? exits32<kIsWide>(forest, columns, first_slot, end_slot)
                                        : exits64<kIsWide>(forest, columns, first_slot, end_slot);
      const __m512i at = _mm512_add_epi32(exits, places);
      const void* const table = leaves + group * kGroupBytes;
      if constexpr (kLeaves == kExits) {
        _mm512_storeu_si512(to + group * kMaskTrees, exits);
      } else if constexpr (kLeaves == kAnyOrder) {
        any_order =
            _mm512_add_ps(any_order, _mm512_i32gather_ps(at, static_cast<const float*>(table), 4));
      } else {
        sum = add_in_order<kLeaves>(sum, table, at);
      }
    }
    if constexpr (kLeaves == kAnyOrder) sum += _mm512_reduce_add_ps(any_order);
    if constexpr (kLeaves != kExits) to[target] = sum;
  }
}

template <ForestLeaves kLeaves>
void masks(const MaskForest& forest, const std::uint8_t* columns, void* sums) {
  const bool is_wide = forest.columns > 64;
  if (forest.mask_bits == 32) {
    if (is_wide) return masks_of<kLeaves, true, 32>(forest, columns, sums);
    return masks_of<kLeaves, false, 32>(forest, columns, sums);
  }
  if (is_wide) return masks_of<kLeaves, true, 64>(forest, columns, sums);
  return masks_of<kLeaves, false, 64>(forest, columns, sums);
}

// --- perfect trees ----------------------------------------------------------------------------

// The place, of 64, where a row leaves a tree whose nodes send it to the right where a bit is set.
inline std::size_t place_of(std::uint64_t right) {
  right <<= 1;  // the root is number 1
  std::uint64_t node = 1;
  for (int depth = 0; depth < 6; ++depth) {
    // node = 2 * node + bit `node` of right: the bit is read into the carry.
    asm("btq %0, %1\n\tadcq %0, %0" : "+r"(node) : "r"(right) : "cc");
  }
  return node - 64;
}

template <ForestLeaves kLeaves, bool kIsWide>
void perfect_of(const PerfectForest& forest, const std::uint8_t* bytes, void* sums) {
  using Sum = typename SumOf<kLeaves>::Type;
  const RowColumns columns = load_columns(bytes);
  const auto* const leaves = static_cast<const Sum*>(forest.leaves);
  auto* const to = static_cast<Sum*>(sums);
  const auto exit = [&](std::size_t tree) {
    const std::uint8_t* const nodes = forest.nodes + tree * 128;
    return place_of(rights<kIsWide>(columns, nodes, nodes + 64));
  };
  for (std::uint32_t target = 0; target < forest.targets; ++target) {
    const std::size_t end = forest.target_trees[target + 1];
    std::size_t tree = forest.target_trees[target];
    Sum sum = kLeaves == kExits ? 0 : to[target];
    // Four trees are on their way at once.
    for (; tree + 4 <= end; tree += 4) {
      const std::size_t a = exit(tree);
      const std::size_t b = exit(tree + 1);
      const std::size_t c = exit(tree + 2);
      const std::size_t d = exit(tree + 3);
      if constexpr (kLeaves == kExits) {
        to[tree] = static_cast<Sum>(a);
        to[tree + 1] = static_cast<Sum>(b);
        to[tree + 2] = static_cast<Sum>(c);
        to[tree + 3] = static_cast<Sum>(d);
      } else {
        const Sum* const table = leaves + tree * 64;
        if constexpr (kLeaves == kAnyOrder) {
          sum += (table[a] + table[64 + b]) + (table[128 + c] + table[192 + d]);
        } else {
          sum += table[a];
          sum += table[64 + b];
          sum += table[128 + c];
          sum += table[192 + d];
        }
      }
    }
    for (; tree < end; ++tree) {
      const std::size_t place = exit(tree);
      if constexpr (kLeaves == kExits) {
        to[tree] = static_cast<Sum>(place);
      } else {
        sum += leaves[tree * 64 + place];
      }
    }
    if constexpr (kLeaves != kExits) to[target] = sum;
  }
}

template <ForestLeaves kLeaves>
void perfect(const PerfectForest& forest, const std::uint8_t* columns, void* sums) {
  if (forest.columns > 64) return perfect_of<kLeaves, true>(forest, columns, sums);
  return perfect_of<kLeaves, false>(forest, columns, sums);
}

// --- multiplexers -----------------------------------------------------------------------------

// The numbers of the leaves that 64 rows reach, as bytes: the bits of each lie in eight words.
inline __m512i numbers_of(__m512i planes, unsigned bits) {
  alignas(64) std::uint64_t plane[8];
  _mm512_store_si512(plane, planes);
  __m512i numbers = _mm512_maskz_set1_epi8(plane[0], 1);
  for (unsigned bit = 1; bit < bits; ++bit) {
    numbers =
        _mm512_or_si512(numbers, _mm512_maskz_set1_epi8(plane[bit], static_cast<char>(1U << bit)));
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

inline void add_leaves(FloatSums& sums, const float* table, std::uint32_t leaves, __m512i numbers) {
  if (leaves <= 32) {
    const __m512 low = _mm512_loadu_ps(table);
    const __m512 high = _mm512_loadu_ps(table + 16);
    for (int i = 0; i < 4; ++i) {
      sums.of[i] =
          _mm512_add_ps(sums.of[i], _mm512_permutex2var_ps(low, sixteen(numbers, i), high));
    }
  } else if (leaves <= 64) {
    const __m512 a = _mm512_loadu_ps(table);
    const __m512 b = _mm512_loadu_ps(table + 16);
    const __m512 c = _mm512_loadu_ps(table + 32);
    const __m512 d = _mm512_loadu_ps(table + 48);
    for (int i = 0; i < 4; ++i) {
      const __m512i at = sixteen(numbers, i);
      const __mmask16 is_high = _mm512_test_epi32_mask(at, _mm512_set1_epi32(32));
      sums.of[i] =
          _mm512_add_ps(sums.of[i], _mm512_mask_blend_ps(is_high, _mm512_permutex2var_ps(a, at, b),
                                                         _mm512_permutex2var_ps(c, at, d)));
    }
  } else {
    for (int i = 0; i < 4; ++i) {
      sums.of[i] = _mm512_add_ps(sums.of[i], _mm512_i32gather_ps(sixteen(numbers, i), table, 4));
    }
  }
}

inline void add_leaves(DoubleSums& sums, const double* table, std::uint32_t leaves,
                       __m512i numbers) {
  alignas(64) std::uint8_t all[64];
  _mm512_store_si512(all, numbers);
  const auto at = [&](int i) {
    return _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(all + 8 * i)));
  };
  if (leaves <= 16) {
    const __m512d low = _mm512_loadu_pd(table);
    const __m512d high = _mm512_loadu_pd(table + 8);
    for (int i = 0; i < 8; ++i) {
      sums.of[i] = _mm512_add_pd(sums.of[i], _mm512_permutex2var_pd(low, at(i), high));
    }
  } else if (leaves <= 32) {
    const __m512d a = _mm512_loadu_pd(table);
    const __m512d b = _mm512_loadu_pd(table + 8);
    const __m512d c = _mm512_loadu_pd(table + 16);
    const __m512d d = _mm512_loadu_pd(table + 24);
    for (int i = 0; i < 8; ++i) {
      const __m512i place = at(i);
      const __mmask8 is_high = _mm512_test_epi64_mask(place, _mm512_set1_epi64(16));
      sums.of[i] = _mm512_add_pd(sums.of[i],
                                 _mm512_mask_blend_pd(is_high, _mm512_permutex2var_pd(a, place, b),
                                                      _mm512_permutex2var_pd(c, place, d)));
    }
  } else {
    for (int i = 0; i < 8; ++i) {
      sums.of[i] = _mm512_add_pd(sums.of[i], _mm512_i64gather_pd(at(i), table, 8));
    }
  }
}

inline void load_sums(FloatSums& sums, const float* from) {
  for (int i = 0; i < 4; ++i) sums.of[i] = _mm512_load_ps(from + 16 * i);
}
inline void load_sums(DoubleSums& sums, const double* from) {
  for (int i = 0; i < 8; ++i) sums.of[i] = _mm512_load_pd(from + 8 * i);
}
inline void store_sums(const FloatSums& sums, float* to) {
  for (int i = 0; i < 4; ++i) _mm512_store_ps(to + 16 * i, sums.of[i]);
}
inline void store_sums(const DoubleSums& sums, double* to) {
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

inline __m512i run_tree(const MuxForest& forest, const MuxTree& tree,
                        const std::uint64_t* predicates, std::uint64_t* values) {
  const MuxOp* op = forest.ops + tree.first_op;
  const MuxOp* const end = op + tree.ops;
  std::uint64_t* to = values + 8 * std::size_t{forest.most_leaves};
  __m512i value = _mm512_load_si512(values);
  for (; op != end; ++op, to += 8) {
    const __m512i right = _mm512_set1_epi64(static_cast<std::int64_t>(predicates[op->predicate]));
    value = _mm512_ternarylogic_epi64(right, _mm512_load_si512(values + 8 * op->right),
                                      _mm512_load_si512(values + 8 * op->left), 0xCA);
    _mm512_store_si512(to, value);
  }
  return value;
}

template <ForestLeaves kLeaves>
void mux(const MuxForest& forest, const std::uint8_t* columns, std::uint64_t* predicates,
         std::uint64_t* values, void* sums) {
  for (std::size_t i = 0; i < forest.predicate_count; ++i) {
    const MuxPredicate& asked = forest.predicates[i];
    predicates[i] = _mm512_cmpgt_epu8_mask(_mm512_load_si512(columns + asked.column * kBlockRows),
                                           _mm512_set1_epi8(static_cast<char>(asked.index)));
  }
  write_leaf_numbers(forest.most_leaves, values);
  for (std::uint32_t target = 0; target < forest.targets; ++target) {
    const std::uint32_t end = forest.target_trees[target + 1];
    std::uint32_t tree = forest.target_trees[target];
    if constexpr (kLeaves == kExits) {
      auto* const to = static_cast<std::uint8_t*>(sums);
      for (; tree < end; ++tree) {
        _mm512_storeu_si512(
            to + tree * kBlockRows,
            numbers_of(run_tree(forest, forest.trees[tree], predicates, values), 8));
      }
    } else {
      using Sum = typename SumOf<kLeaves>::Type;
      auto* const to = static_cast<Sum*>(sums) + target * kBlockRows;
      typename SumOf<kLeaves>::Block all;
      load_sums(all, to);
      for (; tree < end; ++tree) {
        const MuxTree& one = forest.trees[tree];
        const __m512i planes = run_tree(forest, one, predicates, values);
        const unsigned bits = one.leaves <= 32 ? 5 : one.leaves <= 64 ? 6 : 8;
        add_leaves(all, static_cast<const Sum*>(forest.leaves) + one.first_leaf, one.leaves,
                   numbers_of(planes, bits));
      }
      store_sums(all, to);
    }
  }
}

// --- walks by gathering -----------------------------------------------------------------------

// One step of sixteen trees: nodes are gathered eight bytes at a time.
template <bool kHasNan, bool kIsNarrow>
inline __m512i step(const GatherForest& forest, const float* x, __m512 low, __m512 high,
                    __m512i at) {
  const __m512i a = _mm512_i32gather_epi64(_mm512_castsi512_si256(at), forest.nodes, 8);
  const __m512i b = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(at, 1), forest.nodes, 8);
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  const __m512 threshold = _mm512_castsi512_ps(_mm512_permutex2var_epi32(a, even, b));
  const __m512i rest = _mm512_permutex2var_epi32(a, odd, b);
  __m512 value;
  if constexpr (kIsNarrow) {
    value = _mm512_permutex2var_ps(low, rest, high);
  } else {
    value = _mm512_i32gather_ps(_mm512_and_epi32(rest, _mm512_set1_epi32(255)), x, 4);
  }
  __mmask16 right = _mm512_cmp_ps_mask(value, threshold, _CMP_NLE_UQ);
  if constexpr (kHasNan) {
    const __mmask16 is_nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    right = static_cast<__mmask16>(
        right & ~(is_nan & _mm512_test_epi32_mask(rest, _mm512_set1_epi32(kGatherNanLeft))));
  }
  const __m512i child = _mm512_srli_epi32(rest, kGatherChildShift);
  return _mm512_mask_add_epi32(child, right, child, _mm512_set1_epi32(1));
}

// Sixteen trees stay in the cache while all rows pass, four rows on their way at once.
template <ForestLeaves kLeaves, bool kHasNan, bool kIsNarrow>
void gather_of(const GatherForest& forest, const GatherRows& rows, void* sums) {
  using Sum = typename SumOf<kLeaves>::Type;
  constexpr std::size_t kAtOnce = 4;
  auto* const to = static_cast<Sum*>(sums);
  const std::uint32_t groups = forest.target_groups[forest.targets];
  const auto first = [](std::uint32_t count) {
    return static_cast<__mmask16>(count >= 16 ? 0xffffU : (1U << count) - 1);
  };
  const __mmask16 in_low = first(forest.features);
  const __mmask16 in_high = forest.features > 16 ? first(forest.features - 16) : __mmask16{0};
  const auto leave = [&](std::uint32_t target, std::uint32_t group, std::size_t row, __m512i at) {
    if constexpr (kLeaves == kExits) {
      _mm512_storeu_si512(to + (row * groups + group) * kGatherTrees, at);
    } else {
      Sum* const sum = to + row * forest.targets + target;
      if constexpr (kLeaves == kAnyOrder) {
        *sum += _mm512_reduce_add_ps(
            _mm512_i32gather_ps(at, static_cast<const float*>(forest.leaves), 4));
      } else {
        *sum = add_in_order<kLeaves>(*sum, forest.leaves, at);
      }
    }
  };
  for (std::uint32_t target = 0; target < forest.targets; ++target) {
    std::uint32_t group = forest.target_groups[target];
    const std::uint32_t end = forest.target_groups[target + 1];
    if (rows.rows < kAtOnce) {
      // Few rows: four groups of trees on their way instead.
      for (std::size_t row = 0; row < rows.rows; ++row) {
        const float* const x = rows.x + row * rows.stride;
        const __m512 low = _mm512_maskz_loadu_ps(in_low, x);
        const __m512 high = _mm512_maskz_loadu_ps(in_high, x + 16);
        for (group = forest.target_groups[target]; group < end; group += kAtOnce) {
          const std::uint32_t together = end - group < kAtOnce ? end - group : kAtOnce;
          __m512i at[kAtOnce];
          std::uint32_t depth = 0;
          for (std::uint32_t i = 0; i < kAtOnce; ++i) {
            const std::uint32_t which = group + (i < together ? i : 0);
            at[i] = _mm512_load_si512(forest.roots + which * kGatherTrees);
            depth = forest.depths[which] > depth ? forest.depths[which] : depth;
          }
          if (together == kAtOnce) {
            for (; depth > 0; --depth) {
              for (__m512i& place : at) {
                place = step<kHasNan, kIsNarrow>(forest, x, low, high, place);
              }
            }
          } else {
            for (; depth > 0; --depth) {
              for (std::uint32_t i = 0; i < together; ++i) {
                at[i] = step<kHasNan, kIsNarrow>(forest, x, low, high, at[i]);
              }
            }
          }
          for (std::uint32_t i = 0; i < together; ++i) leave(target, group + i, row, at[i]);
        }
      }
      continue;
    }
    for (; group < end; ++group) {
      const __m512i roots = _mm512_load_si512(forest.roots + group * kGatherTrees);
      for (std::size_t row = 0; row < rows.rows; row += kAtOnce) {
        // The last four rows may be some of the four before: their sums are left alone.
        const std::size_t begin = row + kAtOnce <= rows.rows ? row : rows.rows - kAtOnce;
        const float* const x = rows.x + begin * rows.stride;
        __m512i at[kAtOnce];
        __m512 low[kAtOnce];
        __m512 high[kAtOnce];
        for (std::size_t i = 0; i < kAtOnce; ++i) {
          at[i] = roots;
          low[i] = _mm512_maskz_loadu_ps(in_low, x + i * rows.stride);
          high[i] = _mm512_maskz_loadu_ps(in_high, x + i * rows.stride + 16);
        }
        for (std::uint32_t depth = forest.depths[group]; depth > 0; --depth) {
          for (std::size_t i = 0; i < kAtOnce; ++i) {
            at[i] = step<kHasNan, kIsNarrow>(forest, x + i * rows.stride, low[i], high[i], at[i]);
          }
        }
        for (std::size_t i = row - begin; i < kAtOnce; ++i) leave(target, group, begin + i, at[i]);
      }
    }
  }
}

template <ForestLeaves kLeaves>
void gather(const GatherForest& forest, const GatherRows& rows, void* sums) {
  const bool is_narrow = forest.features <= 32;
  if (rows.has_nan) {
    if (is_narrow) return gather_of<kLeaves, true, true>(forest, rows, sums);
    return gather_of<kLeaves, true, false>(forest, rows, sums);
  }
  if (is_narrow) return gather_of<kLeaves, false, true>(forest, rows, sums);
  return gather_of<kLeaves, false, false>(forest, rows, sums);
}

}  // namespace

constinit const ForestKernels kForestAvx512 = {
    .rank_floats = &rank<float>,
    .rank_doubles = &rank<double>,
    .masks = {&masks<kFloats>, &masks<kDoubles>, &masks<kAnyOrder>, &masks<kExits>},
    .mask_columns_max = kRowColumnsMax,
    .perfect = {&perfect<kFloats>, &perfect<kDoubles>, &perfect<kAnyOrder>, &perfect<kExits>},
    .mux = {&mux<kFloats>, &mux<kDoubles>, &mux<kAnyOrder>, &mux<kExits>},
    .gather = {&gather<kFloats>, &gather<kDoubles>, &gather<kAnyOrder>, &gather<kExits>},
};

}  // namespace penstock::kernels::isa

#include "kernels/isa/end.h"
#endif
