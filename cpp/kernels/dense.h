// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/error.h"
#include "kernels/activation.h"
#include "kernels/cpu.h"
#include "kernels/scratch.h"

// Dense layers: y[n] = activation(sum over k of x[k] * w[n][k] + bias[n]). README.md says what is
// computed, bit for bit.
namespace penstock::kernels {

namespace isa {
struct DenseKernels;
}

enum class Weights : std::uint8_t {
  kFp32,
  kBf16,  // the upper halves of float32; x is rounded to bfloat16 too
  kS8,    // times a scale per output; x becomes u8
  kU4,    // (nibble - 8) times a scale per output and group of inputs; x becomes s8
};

// How a layer of int8 weights turns x into u8, the same for every row:
// q = clamp(round_half_even(x * (1 / scale)) + zero_point, 0, 255), where 1 / scale is a float32.
// NaN becomes the zero point.
struct StaticInput {
  float scale = 0;
  std::uint8_t zero_point = 0;

  friend bool operator==(const StaticInput&, const StaticInput&) = default;
};

// A layer as the file has it. The spans are read while packing and not kept; rows of `weight` are
// outputs. Numbers lie in it as they do in memory: little-endian, unaligned if need be.
struct DenseLayer {
  Weights weights = Weights::kFp32;
  std::uint32_t inputs = 0;
  std::uint32_t outputs = 0;
  std::span<const std::byte> weight = {};  // U4: two inputs a byte, the lower nibble first
  std::span<const float> scale = {};       // S8: [outputs]; U4: [outputs][ceil(inputs / group)]
  std::uint32_t group = 0;                 // U4: a multiple of 32
  std::span<const float> bias = {};        // [outputs], or empty: zeros
  Activation activation = {};
  std::optional<StaticInput> input = {};  // S8; none: a scale and a zero point of each row's own
};

// Inputs of layers whose weights are integers. From 66312 on the sum of products of u8 and s8 may
// not fit 32 bits.
inline constexpr std::uint32_t kIntegerInputsMax = 65536;
static_assert(std::int64_t{kIntegerInputsMax} * 255 * 127 <= 0x7fff'ffff);

// Consecutive layers, packed for one instruction set. Between two layers of which the second has
// int8 weights and a static input, rows are u8 and never become floats in memory; the result is,
// bit for bit, that of one layer after the other, and of every instruction set.
// Immutable: run() may be called by any number of threads at once, each with a scratch of its own.
class DenseNet {
 public:
  // Copies the weights into the kernels' layout. Fails, with a sentence, for layers that do not
  // fit one another and for numbers that no layer has: NaN, infinite, an int8 of -128, too large.
  static base::Result<std::unique_ptr<DenseNet>> pack(std::span<const DenseLayer> layers, Isa isa);
  // For one table of isa/table.h.
  static base::Result<std::unique_ptr<DenseNet>> pack(std::span<const DenseLayer> layers,
                                                      const isa::DenseKernels& kernels);

  ~DenseNet();
  DenseNet(const DenseNet&) = delete;
  DenseNet& operator=(const DenseNet&) = delete;

  // Strides are in elements, at least inputs() and outputs(). x and y do not overlap.
  // Allocates nothing once the scratch has seen as many rows.
  void run(const float* x, std::size_t x_stride, std::int64_t rows, float* y, std::size_t y_stride,
           Scratch& scratch) const;

  std::uint32_t inputs() const;
  std::uint32_t outputs() const;
  // What the packed layers take.
  std::size_t bytes() const;

 private:
  struct Plan;
  explicit DenseNet(std::unique_ptr<const Plan> plan);

  std::unique_ptr<const Plan> plan_;
};

}  // namespace penstock::kernels
