// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "kernels/cpu.h"
#include "kernels/scratch.h"

// Ensembles of trees: y[target] = base[target] + factor * the sum of the leaves that a row reaches.
// README.md says how they are computed.
namespace penstock::kernels {

enum class ForestSum : std::uint8_t {
  kInFloat,     // in the order of the trees, from the base on if the factor is 1
  kInDouble,    // in the order of the trees
  kInAnyOrder,  // of floats
};

// Bits of ForestView::flags.
inline constexpr std::uint8_t kForestLeaf = 1;
inline constexpr std::uint8_t kForestCategories = 2;
inline constexpr std::uint8_t kForestMissingLeft = 4;
inline constexpr unsigned kForestMissingShift = 3;
inline constexpr std::uint8_t kForestMissingMask = 3;

// What counts as missing.
enum class ForestMissing : std::uint8_t {
  kNan = 0,
  kNanAndZero = 1,  // |x| <= kForestZeroMax too
  kNothing = 2,     // NaN counts as zero
};
inline constexpr double kForestZeroMax = 1e-35F;  // LightGBM's is of float32

// A forest as the file has it, one element per node; read while compiling and not kept. Nodes of a
// tree stand together, its root first, and every other is the child of exactly one before it.
struct ForestView {
  std::uint32_t features = 0;
  std::uint32_t targets = 0;
  std::span<const std::uint32_t> roots = {};
  std::span<const std::uint32_t> feature = {};
  // A row goes left if x <= threshold. Of a category test: where in category_words its set begins.
  std::span<const double> threshold = {};
  std::span<const std::uint32_t> left = {};   // of a leaf: its first value
  std::span<const std::uint32_t> right = {};  // of a leaf: the target that it adds to
  std::span<const std::uint8_t> flags = {};
  std::span<const double> leaf_values = {};
  bool leaves_are_rows = false;  // a leaf has a value for every target
  // A set is a word n and n words of bits.
  std::span<const std::uint32_t> category_words = {};
  std::span<const double> base = {};
  double factor = 1;
  ForestSum sum = ForestSum::kInDouble;
};

// Of what rows are. Thresholds are rounded down to it, which changes no comparison.
enum class RowKind : std::uint8_t { kFloat, kDouble };

// A way of computing.
enum class ForestForm : std::uint8_t { kWalk, kGather, kMasks, kPerfect, kMux };
std::string_view name_of(ForestForm form);

// A forest laid out for one instruction set.
// Immutable: run() may be called by any number of threads at once, each with a scratch of its own.
class Forest {
 public:
  // The view must have passed the checks of an artifact.
  static std::unique_ptr<Forest> compile(const ForestView& view, RowKind rows, Isa isa);

  ~Forest();
  Forest(const Forest&) = delete;
  Forest& operator=(const Forest&) = delete;

  // Strides are in elements, at least features and targets. In must be what RowKind said.
  // Allocates nothing once the scratch has seen as many rows.
  template <class In, class Out>
  void run(const In* x, std::size_t x_stride, std::size_t rows, Out* y, std::size_t y_stride,
           Scratch& scratch) const;

  // How so many rows would be computed.
  ForestForm form_for(std::size_t rows) const;
  // What the layouts take.
  std::size_t bytes() const;

  struct Plan;

 private:
  explicit Forest(std::unique_ptr<const Plan> plan);

  std::unique_ptr<const Plan> plan_;
};

}  // namespace penstock::kernels
