// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/isa/begin_avx2.h"
#include "kernels/isa/forest_avx2.h"
#include "kernels/isa/forest_kinds.h"
#include "kernels/isa/forest_perfect-inl.h"

// Forests of which one row at a time is computed: bytes are looked up by vpshufb, in one register
// for each sixteen columns, and compared 32 at a time.
namespace penstock::kernels::isa::avx2 {
namespace {

template <int kTables>
struct RowColumns {
  __m256i table[kTables];
};

template <int kTables>
inline RowColumns<kTables> load_columns(const std::uint8_t* columns) {
  RowColumns<kTables> loaded;
  for (int i = 0; i < kTables; ++i) {
    loaded.table[i] = _mm256_broadcastsi128_si256(
        _mm_load_si128(reinterpret_cast<const __m128i*>(columns + 16 * i)));
  }
  return loaded;
}

inline __m256i load(const void* from) {
  return _mm256_load_si256(static_cast<const __m256i*>(from));
}

// Bit 4 of the column's number, and bit 5, choose the table: they are moved to where a blend looks.
template <int kTables>
inline __m256i pick(const RowColumns<kTables>& columns, __m256i which) {
  const __m256i first = _mm256_shuffle_epi8(columns.table[0], which);
  if constexpr (kTables == 1) return first;
  const __m256i bit4 = _mm256_slli_epi16(which, 3);
  const __m256i low = _mm256_blendv_epi8(first, _mm256_shuffle_epi8(columns.table[1], which), bit4);
  if constexpr (kTables == 2) {
    return low;
  } else {
    const __m256i high = _mm256_blendv_epi8(_mm256_shuffle_epi8(columns.table[2], which),
                                            _mm256_shuffle_epi8(columns.table[3], which), bit4);
    return _mm256_blendv_epi8(low, high, _mm256_slli_epi16(which, 2));
  }
}

// All ones in the bytes of 32 nodes that send the row to the left.
template <int kTables>
inline __m256i lefts(const RowColumns<kTables>& columns, const std::uint8_t* column,
                     const std::uint8_t* index) {
  const __m256i value = pick<kTables>(columns, load(column));
  return _mm256_cmpeq_epi8(_mm256_min_epu8(value, load(index)), value);
}

// Takes away the leaves on the left of nodes that send the row to the right.
inline __m256i keep(__m256i leaves, __m256i is_left, const void* mask) {
  return _mm256_and_si256(leaves, _mm256_or_si256(is_left, load(mask)));
}

template <int kTables>
inline void exits_of(const MaskForest& forest, const RowColumns<kTables>& columns,
                     std::size_t group, std::uint32_t* exits) {
  const auto* const masks = static_cast<const std::uint32_t*>(forest.masks);
  const std::size_t end = forest.group_masks[group + 1];
  std::size_t node = forest.group_nodes[group];
  __m256i low = _mm256_set1_epi32(-1);
  __m256i high = low;
  for (std::size_t at = forest.group_masks[group]; at < end; at += 32, node += 32) {
    const __m256i left = lefts<kTables>(columns, forest.column + node, forest.index + node);
    const __m128i one = _mm256_castsi256_si128(left);
    const __m128i two = _mm256_extracti128_si256(left, 1);
    low = keep(low, _mm256_cvtepi8_epi32(one), masks + at);
    high = keep(high, _mm256_cvtepi8_epi32(_mm_srli_si128(one, 8)), masks + at + 8);
    low = keep(low, _mm256_cvtepi8_epi32(two), masks + at + 16);
    high = keep(high, _mm256_cvtepi8_epi32(_mm_srli_si128(two, 8)), masks + at + 24);
  }
  alignas(32) std::uint32_t remain[kMaskTrees];
  _mm256_store_si256(reinterpret_cast<__m256i*>(remain), low);
  _mm256_store_si256(reinterpret_cast<__m256i*>(remain + 8), high);
  for (std::size_t i = 0; i < kMaskTrees; ++i) exits[i] = _tzcnt_u32(remain[i]);
}

template <ForestLeaves kLeaves, int kTables>
void masks_of(const MaskForest& forest, const std::uint8_t* bytes, void* sums) {
  using Sum = typename SumOf<kLeaves>::Type;
  const RowColumns<kTables> columns = load_columns<kTables>(bytes);
  const auto* const leaves = static_cast<const Sum*>(forest.leaves);
  auto* const to = static_cast<Sum*>(sums);
  for (std::uint32_t target = 0; target < forest.targets; ++target) {
    const std::uint32_t end = forest.target_groups[target + 1];
    Sum sum = kLeaves == kExits ? 0 : to[target];
    for (std::uint32_t group = forest.target_groups[target]; group < end; ++group) {
      std::uint32_t exits[kMaskTrees];
      exits_of<kTables>(forest, columns, group, exits);
      for (std::size_t i = 0; i < kMaskTrees; ++i) {
        const std::size_t tree = group * kMaskTrees + i;
        if constexpr (kLeaves == kExits) {
          to[tree] = exits[i];
        } else {
          sum += leaves[tree * forest.mask_bits + exits[i]];
        }
      }
    }
    if constexpr (kLeaves != kExits) to[target] = sum;
  }
}

// Node n has the children 2 n and 2 n + 1, and the root is number 1.
inline void walk(const std::uint64_t* words, std::uint64_t* places) {
  const __m256i one = _mm256_set1_epi64x(1);
  for (std::size_t i = 0; i < kPerfectWalks; i += 4) {
    const auto* const of_four = reinterpret_cast<const __m256i*>(words + i);
    const __m256i right = _mm256_slli_epi64(_mm256_load_si256(of_four), 1);
    __m256i node = one;
    for (int depth = 0; depth < 6; ++depth) {
      const __m256i bit = _mm256_and_si256(_mm256_srlv_epi64(right, node), one);
      node = _mm256_add_epi64(_mm256_add_epi64(node, node), bit);
    }
    _mm256_store_si256(reinterpret_cast<__m256i*>(places + i),
                       _mm256_sub_epi64(node, _mm256_set1_epi64x(64)));
  }
}

template <ForestLeaves kLeaves, int kTables>
void perfect_of(const PerfectForest& forest, const std::uint8_t* bytes, void* sums) {
  const RowColumns<kTables> columns = load_columns<kTables>(bytes);
  leave_perfect<kLeaves>(
      forest, sums,
      [&](const std::uint8_t* nodes) {
        const auto left = [&](std::size_t at) {
          return static_cast<std::uint32_t>(
              _mm256_movemask_epi8(lefts<kTables>(columns, nodes + at, nodes + 64 + at)));
        };
        return ~(left(0) | std::uint64_t{left(32)} << 32);
      },
      walk);
}

}  // namespace

template <ForestLeaves kLeaves>
void masks(const MaskForest& forest, const std::uint8_t* columns, void* sums) {
  if (forest.columns <= 16) return masks_of<kLeaves, 1>(forest, columns, sums);
  if (forest.columns <= 32) return masks_of<kLeaves, 2>(forest, columns, sums);
  return masks_of<kLeaves, 4>(forest, columns, sums);
}

template <ForestLeaves kLeaves>
void perfect(const PerfectForest& forest, const std::uint8_t* columns, void* sums) {
  if (forest.columns <= 16) return perfect_of<kLeaves, 1>(forest, columns, sums);
  if (forest.columns <= 32) return perfect_of<kLeaves, 2>(forest, columns, sums);
  return perfect_of<kLeaves, 4>(forest, columns, sums);
}

template void masks<kFloats>(const MaskForest&, const std::uint8_t*, void*);
template void masks<kDoubles>(const MaskForest&, const std::uint8_t*, void*);
template void masks<kAnyOrder>(const MaskForest&, const std::uint8_t*, void*);
template void masks<kExits>(const MaskForest&, const std::uint8_t*, void*);

template void perfect<kFloats>(const PerfectForest&, const std::uint8_t*, void*);
template void perfect<kDoubles>(const PerfectForest&, const std::uint8_t*, void*);
template void perfect<kAnyOrder>(const PerfectForest&, const std::uint8_t*, void*);
template void perfect<kExits>(const PerfectForest&, const std::uint8_t*, void*);

}  // namespace penstock::kernels::isa::avx2

#include "kernels/isa/end.h"
#endif
