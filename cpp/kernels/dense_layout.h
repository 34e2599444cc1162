// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/activation.h"

// The packed form: the contract between dense_pack.cc and the kernels in isa/. Included by files
// that are compiled for one instruction set, so it holds plain data and no code.
namespace penstock::kernels {

// Outputs stand in panels of 64, the last one of 16, 32, 48 or 64; README.md draws them. Outputs
// beyond the layer's are zeros, and so are inputs beyond the layer's.
inline constexpr std::int64_t kPanelOutputs = 64;
inline constexpr std::int64_t kOutputsMultiple = 16;

// Rows that a tile has at most.
inline constexpr std::int64_t kTileRowsMax = 6;

// How floats become u8: clamp(round_half_even(x * inverse) + zero_point, 0, 255), NaN the zero
// point.
struct Quantization {
  float inverse = 0;  // 1 / scale
  std::int32_t zero_point = 0;
};

struct PackedDense {
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
  std::int64_t padded_outputs = 0;  // a multiple of 16
  // What the loop over inputs counts, each step `step_inputs` wide for every output of a panel:
  // S8 quads, U4 octets, BF16 pairs, FP32 single ones.
  std::int64_t steps = 0;
  const std::byte* weights = nullptr;
  // Per output, up to the next multiple of 64.
  const float* bias = nullptr;
  const float* scale = nullptr;          // S8; of a static input, times that one's scale
  const std::int32_t* start = nullptr;   // S8 of static input: what sums begin with
  const std::int32_t* colsum = nullptr;  // S8 of dynamic input: the sum of the output's weights
  const float* group_scales = nullptr;   // U4: [panel][group][outputs of the panel]
  std::int64_t group_steps = 0;          // U4: of each group but perhaps the last
  std::int64_t groups = 0;               // U4
  Activation activation;
  Quantization next;  // if the next layer takes u8 rows of a static scale
  // S8 of static input, and a `next`: no value of this layer, times next.inverse, leaves +-2^30 or
  // is NaN, and the activation does nothing that clamping would not do. So sums may be converted to
  // integers before anything is clamped.
  bool is_clamped_only = false;
};

// A block of rows on its way through one layer.
struct DenseRows {
  std::int64_t rows = 0;
  const std::byte* in = nullptr;             // as the kernel's own prepare functions left them
  std::size_t in_stride = 0;                 // bytes
  const float* row_scale = nullptr;          // [rows]: S8 of dynamic input, U4
  const std::int32_t* row_zero = nullptr;    // [rows]: S8 of dynamic input: minus the zero point
  const std::int32_t* group_sums = nullptr;  // U4: [rows][groups], 8 times the sum of the group
  // One of the two: floats, or u8 rows whose stride holds padded_outputs.
  float* y = nullptr;
  std::size_t y_stride = 0;  // elements
  std::uint8_t* q = nullptr;
  std::size_t q_stride = 0;
};

// Rows of floats on their way into a layer.
struct FloatRows {
  std::int64_t rows = 0;
  std::int64_t width = 0;
  const float* x = nullptr;
  std::size_t stride = 0;  // elements
};

}  // namespace penstock::kernels
