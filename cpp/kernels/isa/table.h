// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu.h"
#include "kernels/dense_layout.h"

// What each instruction set offers, as tables of functions. A net chooses one when it is packed.
namespace penstock::kernels::isa {

// Prepared rows belong to the table that wrote them: their form is its own business. A row's stride
// is a multiple of 64 and holds row_bytes() of its layer.
struct DenseKernels {
  // u8 rows hold q ^ flip, and sums of products are those of the flipped byte, taken as signed if
  // flip is 0x80.
  std::uint8_t flip;
  // BF16 rows are bfloat16 rather than floats that have been rounded to it.
  bool has_bf16_rows;

  void (*quantize_static)(const FloatRows& in, const Quantization& to, std::uint8_t* q,
                          std::size_t q_stride);
  // Gives each row's scale, and minus its zero point.
  void (*quantize_dynamic)(const FloatRows& in, std::uint8_t* q, std::size_t q_stride,
                           float* row_scale, std::int32_t* row_zero);
  // To s8, for U4; pads with zeros to `padded`. Gives each row's scale, and 8 times the sum of each
  // group of `group` elements, which is a multiple of 32.
  void (*quantize_groups)(const FloatRows& in, std::int64_t padded, std::int64_t group,
                          std::int8_t* q, std::size_t q_stride, float* row_scale,
                          std::int32_t* group_sums);
  // To bfloat16, half to even; an odd width is padded by a zero.
  void (*round_bf16)(const FloatRows& in, std::byte* rounded, std::size_t stride);

  void (*fp32)(const PackedDense& layer, const DenseRows& rows);
  void (*bf16)(const PackedDense& layer, const DenseRows& rows);
  void (*s8)(const PackedDense& layer, const DenseRows& rows);
  void (*u4)(const PackedDense& layer, const DenseRows& rows);
};

// The table of an instruction set. `has_fast_bf16` is asked of kAvx512 alone.
const DenseKernels& dense_kernels(Isa isa, bool has_fast_bf16);

// --- rows, one each: isa/table.cc chooses -----------------------------------------------------

extern const DenseKernels kDenseScalar;
#if defined(__x86_64__)
extern const DenseKernels kDenseAvx2;
extern const DenseKernels kDenseAvx512;
extern const DenseKernels kDenseAvx512Bf16;
#endif

}  // namespace penstock::kernels::isa
