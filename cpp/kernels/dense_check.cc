// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "kernels/dense_pack.h"

namespace penstock::kernels {
namespace {

using base::Code;
using base::fail;

constexpr std::uint32_t kGroupMultiple = 32;
// A smaller scale has no finite inverse.
constexpr float kStaticScaleMin = 0x1p-126F;

bool all_finite(std::span<const float> numbers) {
  return std::ranges::all_of(numbers, [](float x) { return std::isfinite(x); });
}

// Whether bfloat16s (2 bytes each) or float32s (4) that may be unaligned are all finite.
bool all_finite(std::span<const std::byte> bytes, std::size_t width) {
  for (std::size_t at = 0; at < bytes.size(); at += width) {
    float x = 0;
    std::memcpy(reinterpret_cast<std::byte*>(&x) + sizeof x - width, bytes.data() + at, width);
    if (!std::isfinite(x)) return false;
  }
  return true;
}

std::uint64_t groups_of(const DenseLayer& layer) {
  return (std::uint64_t{layer.inputs} + layer.group - 1) / layer.group;
}

std::uint64_t weight_bytes(const DenseLayer& layer) {
  const std::uint64_t outputs = layer.outputs;
  switch (layer.weights) {
    case Weights::kFp32: return outputs * layer.inputs * 4;
    case Weights::kBf16: return outputs * layer.inputs * 2;
    case Weights::kS8: return outputs * layer.inputs;
    case Weights::kU4: return outputs * (layer.inputs / 2);
  }
  return 0;
}

base::Result<> check_shape(const DenseLayer& layer, const std::string& name) {
  const auto refuse = [&](const std::string& why) {
    return fail(Code::kInvalidArgument, name + why);
  };
  if (layer.inputs == 0 || layer.outputs == 0) return refuse(" has no inputs or no outputs.");
  const bool is_integer = layer.weights == Weights::kS8 || layer.weights == Weights::kU4;
  if (is_integer && layer.inputs > kIntegerInputsMax) {
    return refuse(" has " + std::to_string(layer.inputs) +
                  " inputs: integer weights take at most " + std::to_string(kIntegerInputsMax) +
                  ", beyond which 32-bit sums could overflow.");
  }
  if (layer.weights == Weights::kU4 && layer.inputs % 2 != 0) {
    return refuse(" has " + std::to_string(layer.inputs) +
                  " inputs: 4-bit weights take an even number of them.");
  }
  if (layer.weights == Weights::kU4 && (layer.group == 0 || layer.group % kGroupMultiple != 0)) {
    return refuse(" has groups of " + std::to_string(layer.group) +
                  " inputs: wanted a multiple of " + std::to_string(kGroupMultiple) + ".");
  }
  if (const std::uint64_t wanted = weight_bytes(layer); layer.weight.size() != wanted) {
    return refuse(" has " + std::to_string(layer.weight.size()) + " bytes of weights: wanted " +
                  std::to_string(wanted) + " for " + std::to_string(layer.inputs) + " inputs and " +
                  std::to_string(layer.outputs) + " outputs.");
  }
  std::uint64_t scales = 0;
  if (layer.weights == Weights::kS8) scales = layer.outputs;
  if (layer.weights == Weights::kU4) scales = layer.outputs * groups_of(layer);
  if (layer.scale.size() != scales) {
    return refuse(" has " + std::to_string(layer.scale.size()) + " scales: wanted " +
                  std::to_string(scales) + ".");
  }
  if (!layer.bias.empty() && layer.bias.size() != layer.outputs) {
    return refuse(" has " + std::to_string(layer.bias.size()) + " biases: wanted " +
                  std::to_string(layer.outputs) + ".");
  }
  return {};
}

base::Result<> check_numbers(const DenseLayer& layer, const std::string& name) {
  const auto refuse = [&](const std::string& why) {
    return fail(Code::kInvalidArgument, name + why);
  };
  const bool has_floats = layer.weights == Weights::kFp32 || layer.weights == Weights::kBf16;
  if (has_floats && !all_finite(layer.weight, layer.weights == Weights::kFp32 ? 4 : 2)) {
    return refuse(" has a weight that is infinite or not a number.");
  }
  if (layer.weights == Weights::kS8 &&
      std::ranges::find(layer.weight, std::byte{0x80}) != layer.weight.end()) {
    return refuse(" has a weight of -128: int8 weights lie within -127..127.");
  }
  if (!all_finite(layer.scale)) return refuse(" has a scale that is infinite or not a number.");
  if (!all_finite(layer.bias)) return refuse(" has a bias that is infinite or not a number.");
  const Activation& activation = layer.activation;
  if (std::isnan(activation.alpha) || std::isnan(activation.beta) ||
      (activation.function != Function::kClip && !std::isfinite(activation.alpha))) {
    return refuse(" has an activation whose parameter is not a number.");
  }
  if (layer.input.has_value()) {
    const float scale = layer.input->scale;
    if (layer.weights != Weights::kS8) {
      return refuse(" has a static input, which only int8 weights have.");
    }
    if (!(scale >= kStaticScaleMin && std::isfinite(scale))) {
      return refuse(" has an input scale of " + std::to_string(scale) +
                    ": wanted a finite one of at least 2^-126.");
    }
  }
  return {};
}

}  // namespace

base::Result<> check_layers(std::span<const DenseLayer> layers) {
  if (layers.empty()) return fail(Code::kInvalidArgument, "A dense net has no layer.");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const DenseLayer& layer = layers[i];
    const std::string name = "Dense layer " + std::to_string(i);
    if (i > 0 && layers[i - 1].outputs != layer.inputs) {
      return fail(Code::kInvalidArgument, name + " has " + std::to_string(layer.inputs) +
                                              " inputs, and the layer before it " +
                                              std::to_string(layers[i - 1].outputs) + " outputs.");
    }
    if (const auto shape = check_shape(layer, name); !shape) return shape;
    if (const auto numbers = check_numbers(layer, name); !numbers) return numbers;
  }
  return {};
}

}  // namespace penstock::kernels
