// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// The layouts of a forest: the contract between what lays it out and the kernels in isa/. Included
// by files that are compiled for one instruction set, so it holds plain data and no code.
//
// In every layout but that of the exits, trees that add to one target stand together, in their own
// order. Trees that fill up a group have one leaf, and its value is -0.0, which changes no sum.
namespace penstock::kernels {

// Rows that a block has at most.
inline constexpr std::size_t kBlockRows = 64;

// What a kernel does with the leaves that it finds.
enum class ForestLeaves : std::uint8_t {
  kFloats,    // adds them up in the order of the trees
  kDoubles,   // as above
  kAnyOrder,  // adds up floats
  kExits,     // tells which they are: there are several targets in one tree
};
inline constexpr std::size_t kForestLeavesKinds = 4;

// --- from values to bytes -----------------------------------------------------------------------

// The rank of x is the number of thresholds of its feature below x, so x <= threshold[i] is
// rank <= i. It is found sixteen ways at a time: `levels` tables of 16, 256, ... elements, the last
// of which has all thresholds, and infinity behind them.
inline constexpr std::uint32_t kRankWays = 16;
inline constexpr std::uint32_t kRankLevelsMax = 4;

template <class In>
struct RankSearch {
  const In* tables = nullptr;
  std::uint32_t levels = 0;
  std::uint32_t feature = 0;
};

// Byte columns: column c is rank[source[c]] - first[c], in 0..255. A feature of more than 255
// thresholds has a column for each 255 of them.
template <class In>
struct RankPlan {
  const RankSearch<In>* searches = nullptr;
  std::size_t features = 0;  // that are ranked
  std::size_t columns = 0;
  const std::uint16_t* source = nullptr;  // [columns, up to a multiple of 32]
  const std::uint16_t* first = nullptr;   // as above
  bool is_zero_special = false;           // zero is missing somewhere
};

// --- one row
// --------------------------------------------------------------------------------------

inline constexpr std::size_t kMaskTrees = 16;       // side by side
inline constexpr std::size_t kRowColumnsMax = 128;  // two registers

// Sixteen trees side by side. All their nodes are compared; a node whose row goes right takes away
// the leaves on its left, and the first leaf that remains is the exit.
struct MaskForest {
  std::size_t columns = 0;
  std::uint32_t targets = 0;
  const std::uint32_t* target_groups = nullptr;  // [targets + 1]
  const std::uint32_t* group_nodes = nullptr;    // [groups]: its first node, a multiple of 64
  const std::uint32_t* group_masks = nullptr;    // [groups + 1]: its first mask, likewise of 32
  std::uint32_t mask_bits = 0;                   // 32 or 64
  const std::uint8_t* column = nullptr;          // by node: [slot][16], four slots to a register
  const std::uint8_t* index = nullptr;           // as above; 255: never goes right
  const void* masks = nullptr;                   // [slot][16], an even number of slots to a group
  const void* leaves = nullptr;                  // [tree][mask_bits] floats or doubles
};

// Trees of depth 6 at most, each a heap of 63 nodes.
struct PerfectForest {
  std::size_t columns = 0;
  std::uint32_t targets = 0;
  const std::uint32_t* target_trees = nullptr;  // [targets + 1]
  const std::uint8_t* nodes = nullptr;          // [tree]: 64 columns, 64 indices
  const void* leaves = nullptr;                 // [tree][64] floats or doubles
};

// --- a block of rows
// ------------------------------------------------------------------------------

inline constexpr std::uint32_t kMuxLeavesMax = 256;

// One bit per row: first a word for every different comparison, then each tree is a multiplexer
// over the numbers of its leaves, whose bits lie in planes. Some trees are one program, in which
// operations are sorted by the height of their nodes: what one stores is loaded much later, since a
// value that is loaded right after it was stored arrives some ten cycles late.
struct MuxOp {
  std::uint16_t predicate = 0;
  // What it chooses from: a leaf's number, or most_leaves and the number of an operation before it.
  std::uint16_t left = 0;
  std::uint16_t right = 0;
};

struct MuxTree {
  std::uint32_t first_leaf = 0;
  std::uint16_t leaves = 0;
  std::uint16_t root = 0;  // a value, as above
};

struct MuxProgram {
  std::uint32_t first_op = 0;
  std::uint32_t first_tree = 0;
  std::uint16_t ops = 0;
  std::uint16_t trees = 0;
};

struct MuxPredicate {
  std::uint32_t column = 0;
  std::uint8_t index = 0;
};

struct MuxForest {
  std::uint32_t targets = 0;
  const std::uint32_t* target_programs = nullptr;  // [targets + 1]
  const MuxPredicate* predicates = nullptr;
  std::size_t predicate_count = 0;
  const MuxProgram* programs = nullptr;
  const MuxTree* trees = nullptr;
  std::uint32_t most_leaves = 0;
  const MuxOp* ops = nullptr;
  const void* leaves = nullptr;  // floats or doubles, and 64 more than there are
};

// A program ends with the tree that brings it to so many operations. What they store should stay in
// the L1 cache.
inline constexpr std::size_t kMuxProgramOps = 192;
// What a run needs: values of 64 bytes, and a word for every predicate.
inline constexpr std::size_t kMuxValues = kMuxLeavesMax + kMuxProgramOps + kMuxLeavesMax;

// --- any tree
// -------------------------------------------------------------------------------------

inline constexpr std::size_t kGatherTrees = 16;  // side by side
inline constexpr std::uint32_t kGatherFeaturesMax = 256;
inline constexpr std::uint32_t kGatherNodesMax = 1U << 23;
inline constexpr unsigned kGatherChildShift = 9;
inline constexpr std::uint32_t kGatherNanLeft = 256;

// Walks from the roots down, for floats of which only NaN is missing. The right child stands behind
// the left one; leaves are their own left children.
struct GatherNode {
  float threshold = 0;
  std::uint32_t rest = 0;  // the left child, whether NaN goes left, and the feature
};

struct GatherForest {
  std::uint32_t features = 0;
  std::uint32_t targets = 0;
  const std::uint32_t* target_groups = nullptr;  // [targets + 1]
  const std::uint32_t* depths = nullptr;         // [groups]
  const std::uint32_t* roots = nullptr;          // [groups][16]
  const GatherNode* nodes = nullptr;
  const void* leaves = nullptr;  // [nodes] floats or doubles
};

struct GatherRows {
  const float* x = nullptr;
  std::size_t stride = 0;
  std::size_t rows = 0;  // kBlockRows at most
  bool has_nan = false;
};

}  // namespace penstock::kernels
