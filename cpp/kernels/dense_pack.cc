// SPDX-License-Identifier: Apache-2.0
#include "kernels/dense_pack.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

namespace penstock::kernels {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::int64_t rounded_up(std::int64_t x, std::int64_t multiple) {
  return (x + multiple - 1) / multiple * multiple;
}

// Rows whose distance is a multiple of 1024 bytes would meet in the same few sets of the cache.
std::size_t row_stride(std::int64_t bytes) {
  const auto rounded = static_cast<std::size_t>(rounded_up(bytes, kCacheLine));
  return rounded % 1024 == 0 ? rounded + kCacheLine : rounded;
}

// What a step holds of one output is always four bytes: for output n of panel p, at step s,
//   ((panel_begin * steps) + s * panel_width + n) * 4.
class Panels {
 public:
  Panels(const PackedDense& layer, std::byte* memory)
      : padded_(layer.padded_outputs), steps_(layer.steps), memory_(memory) {}

  std::byte* at(std::int64_t output, std::int64_t step) const {
    const std::int64_t column = output / kPanelOutputs * kPanelOutputs;
    const std::int64_t width = std::min(kPanelOutputs, padded_ - column);
    return memory_ + (column * steps_ + step * width + output - column) * 4;
  }

 private:
  std::int64_t padded_;
  std::int64_t steps_;
  std::byte* memory_;
};

// Elements of `bytes` bytes each, as they come.
void pack_elements(const DenseLayer& layer, const Panels& panels, std::int64_t bytes) {
  const std::int64_t per_step = 4 / bytes;
  const std::byte* from = layer.weight.data();
  for (std::int64_t n = 0; n < layer.outputs; ++n) {
    for (std::int64_t k = 0; k < layer.inputs; ++k, from += bytes) {
      std::memcpy(panels.at(n, k / per_step) + k % per_step * bytes, from,
                  static_cast<std::size_t>(bytes));
    }
  }
}

// A step has eight inputs: byte i holds input i below and input i + 4 above.
void pack_nibbles(const DenseLayer& layer, const Panels& panels) {
  const std::byte* from = layer.weight.data();
  for (std::int64_t n = 0; n < layer.outputs; ++n, from += layer.inputs / 2) {
    for (std::int64_t k = 0; k < layer.inputs; ++k) {
      const std::byte nibble = k % 2 == 0 ? from[k / 2] & std::byte{15} : from[k / 2] >> 4;
      panels.at(n, k / 8)[k % 4] |= k % 8 < 4 ? nibble : nibble << 4;
    }
  }
}

void pack_group_scales(const DenseLayer& layer, const PackedDense& view, float* to) {
  for (std::int64_t n = 0; n < layer.outputs; ++n) {
    const std::int64_t column = n / kPanelOutputs * kPanelOutputs;
    const std::int64_t width = std::min(kPanelOutputs, view.padded_outputs - column);
    for (std::int64_t group = 0; group < view.groups; ++group) {
      to[column * view.groups + group * width + n - column] =
          layer.scale[static_cast<std::size_t>(n * view.groups + group)];
    }
  }
}

}  // namespace

PackedArray::PackedArray(std::size_t bytes) : size_(bytes) {
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : kCacheLine;
  memory_ = {static_cast<std::byte*>(::operator new[](bytes, std::align_val_t(alignment))),
             Free{alignment}};
#if defined(MADV_HUGEPAGE)
  // A hint: without huge pages the walks through page tables cost a large net a fifth of its time.
  if (alignment == kHugePage) (void)::madvise(memory_.get(), bytes, MADV_HUGEPAGE);
#endif
  std::memset(memory_.get(), 0, bytes);
}

void PackedArray::Free::operator()(std::byte* memory) const {
  ::operator delete[](memory, std::align_val_t(alignment));
}

PackedLayer pack_layer(const DenseLayer& layer, const isa::DenseKernels& kernels) {
  PackedLayer packed;
  PackedDense& view = packed.view;
  packed.weights = layer.weights;
  view.inputs = layer.inputs;
  view.outputs = layer.outputs;
  view.padded_outputs = rounded_up(layer.outputs, kOutputsMultiple);
  view.activation = layer.activation;

  const auto array = [&](std::int64_t bytes) -> PackedArray& {
    return packed.memory.emplace_back(static_cast<std::size_t>(bytes));
  };
  const std::int64_t whole_panels = rounded_up(layer.outputs, kPanelOutputs);
  auto* const bias = array(whole_panels * 4).as<float>();
  std::ranges::copy(layer.bias, bias);
  view.bias = bias;

  const auto weights = [&](std::int64_t steps) {
    view.steps = steps;
    PackedArray& memory = array(view.padded_outputs * steps * 4);
    view.weights = memory.bytes();
    return Panels(view, memory.bytes());
  };
  switch (layer.weights) {
    case Weights::kFp32: pack_elements(layer, weights(layer.inputs), 4); break;
    case Weights::kBf16:
      pack_elements(layer, weights((view.inputs + 1) / 2), 2);
      packed.row_bytes = row_stride(view.steps * (kernels.has_bf16_rows ? 4 : 8));
      break;
    case Weights::kS8: {
      pack_elements(layer, weights((view.inputs + 3) / 4), 1);
      packed.row_bytes = row_stride(view.inputs);
      const float input_scale = layer.input.has_value() ? layer.input->scale : 1;
      auto* const scale = array(whole_panels * 4).as<float>();
      for (std::size_t n = 0; n < layer.scale.size(); ++n) scale[n] = input_scale * layer.scale[n];
      view.scale = scale;
      auto* const sums = array(whole_panels * 4).as<std::int32_t>();
      for (std::size_t i = 0; i < layer.weight.size(); ++i) {
        sums[i / layer.inputs] += static_cast<std::int8_t>(layer.weight[i]);
      }
      if (!layer.input.has_value()) {
        view.colsum = sums;
        break;
      }
      packed.has_static_input = true;
      packed.input = {.inverse = 1.0F / layer.input->scale, .zero_point = layer.input->zero_point};
      for (std::int64_t n = 0; n < whole_panels; ++n) {
        sums[n] *= kernels.flip - packed.input.zero_point;
      }
      view.start = sums;
      break;
    }
    case Weights::kU4: {
      packed.group = layer.group;
      pack_nibbles(layer, weights(rounded_up(view.inputs, 32) / 8));
      packed.row_bytes = row_stride(rounded_up(view.inputs, 32));
      view.group_steps = layer.group / 8;
      view.groups = (view.steps + view.group_steps - 1) / view.group_steps;
      auto* const scales = array(view.padded_outputs * view.groups * 4).as<float>();
      pack_group_scales(layer, view, scales);
      view.group_scales = scales;
      break;
    }
  }
  return packed;
}

void lead_into(PackedLayer& layer, const PackedLayer& next) {
  PackedDense& view = layer.view;
  view.next = next.input;
  const Function function = view.activation.function;
  // Clamping at a zero point of 0 is what relu does.
  const bool clamps = function == Function::kIdentity ||
                      (function == Function::kRelu && next.input.zero_point == 0);
  if (!layer.has_static_input || !clamps) return;
  const double sum_max = static_cast<double>(view.inputs) * 255 * 127;
  double value_max = 0;
  for (std::int64_t n = 0; n < view.outputs; ++n) {
    value_max = std::max(value_max, sum_max * std::fabs(view.scale[n]) + std::fabs(view.bias[n]));
  }
  view.is_clamped_only = value_max * next.input.inverse < 0x1p30;
}

}  // namespace penstock::kernels
