// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/dense_layout.h"
#include "kernels/dense_quantize.h"
#include "kernels/isa/dense_finish-inl.h"

// From floats to the rows that kernels read, once for all instruction sets.
namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE {
namespace {

inline void quantize_row(const float* x, std::int64_t width, const Quantizer& quantize,
                         std::uint8_t* q) {
  for (std::int64_t i = 0; i < width; i += kLanes) {
    store_bytes(q + i, quantize(load_first(x + i, width - i)));
  }
}

void quantize_static(const FloatRows& in, const Quantization& to, std::uint8_t* q,
                     std::size_t q_stride) {
  const Quantizer quantize(to);
  for (std::int64_t row = 0; row < in.rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    quantize_row(in.x + at * in.stride, in.width, quantize, q + at * q_stride);
  }
}

void quantize_dynamic(const FloatRows& in, std::uint8_t* q, std::size_t q_stride, float* row_scale,
                      std::int32_t* row_zero) {
  for (std::int64_t row = 0; row < in.rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    const float* const x = in.x + at * in.stride;
    Floats low = set(0);
    Floats high = set(0);
    for (std::int64_t i = 0; i < in.width; i += kLanes) {
      // Where x is NaN, the second: it is left out.
      const Floats some = load_first(x + i, in.width - i);
      low = min(some, low);
      high = max(some, high);
    }
    const RowScale scale = kernels::row_scale(least(low), greatest(high));
    quantize_row(x, in.width, Quantizer({scale.inverse, scale.zero_point}), q + at * q_stride);
    row_scale[row] = scale.scale;
    row_zero[row] = kFlip - scale.zero_point;
  }
}

void quantize_groups(const FloatRows& in, std::int64_t padded, std::int64_t group, std::int8_t* q,
                     std::size_t q_stride, float* row_scale, std::int32_t* group_sums) {
  for (std::int64_t row = 0; row < in.rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    const float* const x = in.x + at * in.stride;
    Floats high = set(0);
    for (std::int64_t i = 0; i < in.width; i += kLanes) {
      high = max(abs(load_first(x + i, in.width - i)), high);
    }
    const RowScale scale = symmetric_row_scale(greatest(high));
    row_scale[row] = scale.scale;

    const Floats inverse = set(scale.inverse);
    auto* const to = reinterpret_cast<std::uint8_t*>(q + at * q_stride);
    for (std::int64_t begin = 0; begin < padded; begin += group) {
      const std::int64_t end = padded - begin < group ? padded : begin + group;
      Ints group_sum = set_ints(0);
      for (std::int64_t i = begin; i < end; i += kLanes) {
        const Floats t = number_or_zero(mul(load_first(x + i, in.width - i), inverse));
        const Ints bytes = to_ints(min(max(t, set(-127)), set(127)));
        store_bytes(to + i, bytes);
        group_sum = add_ints(group_sum, bytes);
      }
      *group_sums++ = 8 * sum(group_sum);
    }
  }
}

}  // namespace
}  // namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE
