// SPDX-License-Identifier: Apache-2.0
#include "kernels/dense_reference.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/dense_quantize.h"

namespace penstock::kernels {
namespace {

std::size_t size(std::uint32_t count) { return count; }

template <class T>
T element(const DenseLayer& layer, std::size_t at) {
  T x;
  std::memcpy(&x, layer.weight.data() + at * sizeof x, sizeof x);
  return x;
}

float of_bf16(std::uint16_t x) { return std::bit_cast<float>(std::uint32_t{x} << 16); }

float rounded_to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return x;
  const std::uint32_t below = bits & 0xffff;
  const bool is_up = below > 0x8000 || (below == 0x8000 && (bits >> 16) % 2 == 1);
  return std::bit_cast<float>(((bits >> 16) + (is_up ? 1 : 0)) << 16);
}

// Minus the zero point, which NaN becomes.
std::int32_t quantized(float x, const RowScale& to, int least, int greatest) {
  const float q = std::nearbyint(x * to.inverse);
  if (std::isnan(q)) return 0;
  return static_cast<std::int32_t>(std::clamp(q, static_cast<float>(least - to.zero_point),
                                              static_cast<float>(greatest - to.zero_point)));
}

// A row as the layer's weights are multiplied with it.
struct Row {
  RowScale scale;
  std::vector<std::int32_t> q;  // minus the zero point
  std::vector<float> x;
};

RowScale scale_of(const DenseLayer& layer, const float* x) {
  if (layer.input.has_value()) {
    return {layer.input->scale, 1.0F / layer.input->scale, layer.input->zero_point};
  }
  float least = 0;
  float greatest = 0;
  for (std::size_t k = 0; k < layer.inputs; ++k) {
    if (std::isnan(x[k])) continue;
    least = std::min(least, x[k]);
    greatest = std::max(greatest, x[k]);
  }
  if (layer.weights == Weights::kU4) return symmetric_row_scale(std::max(-least, greatest));
  return row_scale(least, greatest);
}

Row prepared(const DenseLayer& layer, const float* x) {
  Row row{.scale = scale_of(layer, x), .q = {}, .x = {x, x + layer.inputs}};
  const bool is_u4 = layer.weights == Weights::kU4;
  for (float& value : row.x) {
    row.q.push_back(quantized(value, row.scale, is_u4 ? -127 : 0, is_u4 ? 127 : 255));
    if (layer.weights == Weights::kBf16) value = rounded_to_bf16(value);
  }
  return row;
}

// --- the value of output n before its activation ----------------------------------------------

float fp32_value(const DenseLayer& layer, const Row& row, std::size_t n, float bias) {
  float sum = 0;
  for (std::size_t k = 0; k < layer.inputs; ++k) {
    sum = std::fma(row.x[k], element<float>(layer, n * layer.inputs + k), sum);
  }
  return sum + bias;
}

// Of each two the second first.
float bf16_value(const DenseLayer& layer, const Row& row, std::size_t n, float bias) {
  float sum = 0;
  for (std::size_t pair = 0; pair < layer.inputs; pair += 2) {
    for (const std::size_t k : {pair + 1, pair}) {
      if (k == layer.inputs) continue;
      const float w = of_bf16(element<std::uint16_t>(layer, n * layer.inputs + k));
      sum = std::fma(row.x[k], w, sum);
    }
  }
  return sum + bias;
}

float s8_value(const DenseLayer& layer, const Row& row, std::size_t n, float bias) {
  std::int64_t sum = 0;
  for (std::size_t k = 0; k < layer.inputs; ++k) {
    sum += row.q[k] * element<std::int8_t>(layer, n * layer.inputs + k);
  }
  return std::fma(static_cast<float>(sum), row.scale.scale * layer.scale[n], bias);
}

float u4_value(const DenseLayer& layer, const Row& row, std::size_t n, float bias) {
  const std::size_t groups = (size(layer.inputs) + layer.group - 1) / layer.group;
  float value = 0;
  for (std::size_t group = 0; group < groups; ++group) {
    std::int64_t sum = 0;
    const std::size_t end = std::min((group + 1) * layer.group, size(layer.inputs));
    for (std::size_t k = group * layer.group; k < end; ++k) {
      const auto two = element<std::uint8_t>(layer, n * (layer.inputs / 2) + k / 2);
      sum += row.q[k] * ((k % 2 == 0 ? two & 15 : two >> 4) - 8);
    }
    value = std::fma(static_cast<float>(sum), layer.scale[n * groups + group], value);
  }
  return std::fma(value, row.scale.scale, bias);
}

}  // namespace

std::vector<float> dense_reference(const DenseLayer& layer, const std::vector<float>& x) {
  std::vector<float> y;
  for (std::size_t at = 0; at < x.size(); at += layer.inputs) {
    const Row row = prepared(layer, &x[at]);
    for (std::size_t n = 0; n < layer.outputs; ++n) {
      const float bias = layer.bias.empty() ? 0 : layer.bias[n];
      float value = 0;
      switch (layer.weights) {
        case Weights::kFp32: value = fp32_value(layer, row, n, bias); break;
        case Weights::kBf16: value = bf16_value(layer, row, n, bias); break;
        case Weights::kS8: value = s8_value(layer, row, n, bias); break;
        case Weights::kU4: value = u4_value(layer, row, n, bias); break;
      }
      y.push_back(activated(value, layer.activation));
    }
  }
  return y;
}

}  // namespace penstock::kernels
