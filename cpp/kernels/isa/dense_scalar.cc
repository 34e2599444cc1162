// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cstring>

#include "kernels/isa/table.h"
#include "kernels/isa/vec_scalar-inl.h"

#define PENSTOCK_ISA_NAMESPACE scalar
#include "kernels/isa/dense_finish-inl.h"
#include "kernels/isa/dense_rows-inl.h"

// Plain C++, for machines without AVX2 and as what the others are held against in tests.
namespace penstock::kernels::isa {
namespace scalar {
namespace {

template <class T>
T load_as(const std::byte* from) {
  T x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

float widened(std::uint16_t bf16) { return std::bit_cast<float>(std::uint32_t{bf16} << 16); }

// Calls `run(place, x, weights)` for each row of each panel.
template <class Run>
void for_each_row(const PackedDense& layer, const DenseRows& rows, Run run) {
  for_each_panel(layer, [&](std::int64_t column, std::int64_t width, const std::byte* weights) {
    for (std::int64_t row = 0; row < rows.rows; ++row) {
      run(Place{.row = row, .rows = 1, .column = column, .width = width},
          rows.in + static_cast<std::size_t>(row) * rows.in_stride, weights);
    }
  });
}

void round_bf16(const FloatRows& in, std::byte* rounded, std::size_t stride) {
  for (std::int64_t row = 0; row < in.rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    auto* const to = reinterpret_cast<float*>(rounded + at * stride);
    for (std::int64_t i = 0; i < in.width; ++i) {
      to[i] = rounded_to_bf16(in.x[at * in.stride + static_cast<std::size_t>(i)]);
    }
    if (in.width % 2 != 0) to[in.width] = 0;
  }
}

void fp32(const PackedDense& layer, const DenseRows& rows) {
  for_each_row(layer, rows, [&](const Place& place, const std::byte* x, const std::byte* weights) {
    float sums[kPanelOutputs] = {};
    for (std::int64_t step = 0; step < layer.steps; ++step) {
      const auto value = load_as<float>(x + step * 4);
      for (std::int64_t i = 0; i < place.width; ++i, weights += 4) {
        sums[i] = fma(value, load_as<float>(weights), sums[i]);
      }
    }
    finish_floats(layer, rows, place, sums);
  });
}

void bf16(const PackedDense& layer, const DenseRows& rows) {
  for_each_row(layer, rows, [&](const Place& place, const std::byte* x, const std::byte* weights) {
    float sums[kPanelOutputs] = {};
    for (std::int64_t step = 0; step < layer.steps; ++step) {
      const auto first = load_as<float>(x + step * 8);
      const auto second = load_as<float>(x + step * 8 + 4);
      for (std::int64_t i = 0; i < place.width; ++i, weights += 4) {
        // The second first, as the instruction for it does.
        sums[i] = fma(second, widened(load_as<std::uint16_t>(weights + 2)), sums[i]);
        sums[i] = fma(first, widened(load_as<std::uint16_t>(weights)), sums[i]);
      }
    }
    finish_floats(layer, rows, place, sums);
  });
}

void s8(const PackedDense& layer, const DenseRows& rows) {
  for_each_row(layer, rows, [&](const Place& place, const std::byte* x, const std::byte* weights) {
    std::int32_t sums[kPanelOutputs] = {};
    if (layer.start != nullptr) std::memcpy(sums, layer.start + place.column, sizeof sums);
    for (std::int64_t step = 0; step < layer.steps; ++step, x += 4) {
      for (std::int64_t i = 0; i < place.width; ++i, weights += 4) {
        for (int k = 0; k < 4; ++k) {
          sums[i] += static_cast<std::uint8_t>(x[k]) * static_cast<std::int8_t>(weights[k]);
        }
      }
    }
    finish_integers(layer, rows, place, sums);
  });
}

void u4(const PackedDense& layer, const DenseRows& rows) {
  for_each_row(layer, rows, [&](const Place& place, const std::byte* x, const std::byte* weights) {
    float values[kPanelOutputs] = {};
    const float* scales = layer.group_scales + place.column * layer.groups;
    const std::int32_t* const offsets = rows.group_sums + place.row * layer.groups;
    for (std::int64_t group = 0, step = 0; group < layer.groups; ++group, scales += place.width) {
      std::int32_t sums[kPanelOutputs] = {};
      const std::int64_t left = layer.steps - step;
      const std::int64_t end = step + (left < layer.group_steps ? left : layer.group_steps);
      for (; step < end; ++step, x += 8) {
        for (std::int64_t i = 0; i < place.width; ++i, weights += 4) {
          for (int k = 0; k < 4; ++k) {
            const auto nibbles = static_cast<std::uint8_t>(weights[k]);
            sums[i] += (nibbles & 15) * static_cast<std::int8_t>(x[k]);
            sums[i] += (nibbles >> 4) * static_cast<std::int8_t>(x[k + 4]);
          }
        }
      }
      for (std::int64_t i = 0; i < place.width; ++i) {
        values[i] = fma(static_cast<float>(sums[i] - offsets[group]), scales[i], values[i]);
      }
    }
    finish_groups(layer, rows, place, values);
  });
}

}  // namespace
}  // namespace scalar

constinit const DenseKernels kDenseScalar = {
    .flip = scalar::kFlip,
    .has_bf16_rows = false,
    .quantize_static = &scalar::quantize_static,
    .quantize_dynamic = &scalar::quantize_dynamic,
    .quantize_groups = &scalar::quantize_groups,
    .round_bf16 = &scalar::round_bf16,
    .fp32 = &scalar::fp32,
    .bf16 = &scalar::bf16,
    .s8 = &scalar::s8,
    .u4 = &scalar::u4,
};

}  // namespace penstock::kernels::isa
