// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/isa/begin_avx512.h"
#include "kernels/isa/forest_avx512.h"
#include "kernels/isa/forest_kinds.h"
#include "kernels/isa/forest_perfect-inl.h"
#include "kernels/isa/forest_places-inl.h"

// Forests of which one row at a time is computed: bytes are looked up by vpermb and compared 64 at
// a time, and what comes out is a mask register.
namespace penstock::kernels::isa::avx512 {
namespace {

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

// Takes away the leaves on the left of nodes that send the row to the right.
inline __m512i keep32(__m512i leaves, __mmask64 right, const std::uint32_t* mask) {
  return _mm512_mask_and_epi32(leaves, static_cast<__mmask16>(right), leaves,
                               _mm512_load_si512(mask));
}

// Where sixteen trees are left. The slots take turns at four registers, so that none waits for the
// one before it.
template <bool kIsWide>
inline __m512i exits32(const MaskForest& forest, const RowColumns& columns, std::size_t group) {
  const auto* const masks = static_cast<const std::uint32_t*>(forest.masks);
  const std::size_t end = forest.group_masks[group + 1];
  std::size_t node = forest.group_nodes[group];
  std::size_t at = forest.group_masks[group];
  __m512i a = _mm512_set1_epi32(-1);
  __m512i b = a;
  __m512i c = a;
  __m512i d = a;
  for (; at + 64 <= end; at += 64, node += 64) {
    const __mmask64 right = rights<kIsWide>(columns, forest.column + node, forest.index + node);
    a = keep32(a, right, masks + at);
    b = keep32(b, right >> 16, masks + at + 16);
    c = keep32(c, right >> 32, masks + at + 32);
    d = keep32(d, right >> 48, masks + at + 48);
  }
  if (at < end) {  // two slots
    const __mmask64 right = rights<kIsWide>(columns, forest.column + node, forest.index + node);
    a = keep32(a, right, masks + at);
    b = keep32(b, right >> 16, masks + at + 16);
  }
  a = _mm512_and_epi32(_mm512_and_epi32(a, b), _mm512_and_epi32(c, d));
  const __m512i lowest = _mm512_and_epi32(a, _mm512_sub_epi32(_mm512_setzero_si512(), a));
  return _mm512_sub_epi32(_mm512_set1_epi32(31), _mm512_lzcnt_epi32(lowest));
}

template <bool kIsWide>
inline __m512i exits64(const MaskForest& forest, const RowColumns& columns, std::size_t group) {
  const auto* const masks = static_cast<const std::uint64_t*>(forest.masks);
  const std::size_t end = forest.group_masks[group + 1];
  std::size_t node = forest.group_nodes[group];
  __m512i low = _mm512_set1_epi64(-1);
  __m512i high = low;
  for (std::size_t at = forest.group_masks[group]; at < end; node += 64) {
    const __mmask64 right = rights<kIsWide>(columns, forest.column + node, forest.index + node);
    const std::size_t step_end = at + 64 < end ? at + 64 : end;
    for (std::size_t bit = 0; at < step_end; at += 16, bit += 16) {
      low = _mm512_mask_and_epi64(low, static_cast<__mmask8>(right >> bit), low,
                                  _mm512_load_si512(masks + at));
      high = _mm512_mask_and_epi64(high, static_cast<__mmask8>(right >> (bit + 8)), high,
                                   _mm512_load_si512(masks + at + 8));
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

// Groups whose exits are stored before their leaves are looked up: no load waits for a store.
constexpr std::size_t kMaskGroups = 4;

template <ForestLeaves kLeaves, bool kIsWide, std::uint32_t kBits>
void masks_of(const MaskForest& forest, const std::uint8_t* bytes, void* sums) {
  using Sum = typename SumOf<kLeaves>::Type;
  const RowColumns columns = load_columns(bytes);
  const auto* const leaves = static_cast<const Sum*>(forest.leaves);
  auto* const to = static_cast<Sum*>(sums);
  alignas(64) std::uint32_t exits[kMaskGroups * kMaskTrees];
  for (std::uint32_t target = 0; target < forest.targets; ++target) {
    const std::size_t end = forest.target_groups[target + 1];
    Sum sum = kLeaves == kExits ? 0 : to[target];
    for (std::size_t group = forest.target_groups[target]; group < end; group += kMaskGroups) {
      const std::size_t count = end - group < kMaskGroups ? end - group : kMaskGroups;
      for (std::size_t i = 0; i < count; ++i) {
        const __m512i of_group = kBits == 32 ? exits32<kIsWide>(forest, columns, group + i)
                                             : exits64<kIsWide>(forest, columns, group + i);
        _mm512_store_si512(exits + i * kMaskTrees, of_group);
      }
      const std::size_t tree = group * kMaskTrees;
      if constexpr (kLeaves == kExits) {
        for (std::size_t i = 0; i < count * kMaskTrees; ++i) to[tree + i] = exits[i];
      } else {
        sum = add_places<kLeaves, kBits>(sum, leaves + tree * kBits, exits, count * kMaskTrees);
      }
    }
    if constexpr (kLeaves != kExits) to[target] = sum;
  }
}

// Node n has the children 2 n and 2 n + 1, and the root is number 1.
inline void walk(const std::uint64_t* words, std::uint64_t* places) {
  const __m512i one = _mm512_set1_epi64(1);
  const __m512i right = _mm512_slli_epi64(_mm512_load_si512(words), 1);
  __m512i node = one;
  for (int depth = 0; depth < 6; ++depth) {
    const __m512i bit = _mm512_and_si512(_mm512_srlv_epi64(right, node), one);
    node = _mm512_add_epi64(_mm512_add_epi64(node, node), bit);
  }
  _mm512_store_si512(places, _mm512_sub_epi64(node, _mm512_set1_epi64(64)));
}

template <ForestLeaves kLeaves, bool kIsWide>
void perfect_of(const PerfectForest& forest, const std::uint8_t* bytes, void* sums) {
  const RowColumns columns = load_columns(bytes);
  leave_perfect<kLeaves>(
      forest, sums,
      [&](const std::uint8_t* nodes) {
        return std::uint64_t{rights<kIsWide>(columns, nodes, nodes + 64)};
      },
      walk);
}

}  // namespace

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

template void masks<kFloats>(const MaskForest&, const std::uint8_t*, void*);
template void masks<kDoubles>(const MaskForest&, const std::uint8_t*, void*);
template void masks<kAnyOrder>(const MaskForest&, const std::uint8_t*, void*);
template void masks<kExits>(const MaskForest&, const std::uint8_t*, void*);

template <ForestLeaves kLeaves>
void perfect(const PerfectForest& forest, const std::uint8_t* columns, void* sums) {
  if (forest.columns > 64) return perfect_of<kLeaves, true>(forest, columns, sums);
  return perfect_of<kLeaves, false>(forest, columns, sums);
}

template void perfect<kFloats>(const PerfectForest&, const std::uint8_t*, void*);
template void perfect<kDoubles>(const PerfectForest&, const std::uint8_t*, void*);
template void perfect<kAnyOrder>(const PerfectForest&, const std::uint8_t*, void*);
template void perfect<kExits>(const PerfectForest&, const std::uint8_t*, void*);

}  // namespace penstock::kernels::isa::avx512

#include "kernels/isa/end.h"
#endif
