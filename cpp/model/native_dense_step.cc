// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "model/native_step.h"

namespace penstock::model {
namespace {

using artifact::Dense;
using artifact::Function;

struct Layer {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  std::vector<float> weight;
  std::vector<float> bias;
  artifact::Activation activation;
};

float activate(float x, const artifact::Activation& activation) {
  switch (activation.function) {
    case Function::kRelu: return x > 0 ? x : 0.0F;
    case Function::kLeakyRelu: return x < 0 ? activation.alpha * x : x;
    case Function::kSigmoid:
      return 1 / (1 + std::exp(-(activation.alpha == 0 ? 1 : activation.alpha) * x));
    case Function::kTanh: return std::tanh(x);
    case Function::kClip: return std::min(std::max(x, activation.alpha), activation.beta);
    default: return x;
  }
}

class DenseStep final : public NativeStep {
 public:
  DenseStep(std::uint32_t reads, std::uint32_t writes, std::vector<Layer> layers)
      : reads_(reads), writes_(writes), layers_(std::move(layers)) {}

  void run(const StepFrame& frame, std::size_t rows) const override {
    const float* in = frame.read<float>(reads_);
    for (const Layer& layer : layers_) {
      float* const out = &layer == &layers_.back()
                             ? frame.write<float>(writes_)
                             : frame.scratch.take_of<float>(rows * layer.outputs).data();
      run_layer(layer, in, out, rows);
      in = out;
    }
  }

 private:
  static void run_layer(const Layer& layer, const float* in, float* out, std::size_t rows) {
    for (; rows > 0; --rows, in += layer.inputs) {
      const float* weight = layer.weight.data();
      for (std::size_t n = 0; n < layer.outputs; ++n, weight += layer.inputs) {
        float sum = 0;
        for (std::size_t k = 0; k < layer.inputs; ++k) sum += in[k] * weight[k];
        *out++ = activate(sum + layer.bias[n], layer.activation);
      }
    }
  }

  const std::uint32_t reads_;
  const std::uint32_t writes_;
  const std::vector<Layer> layers_;
};

base::Result<Layer> layer_of(const Artifact& artifact, const artifact::Step& step) {
  const Dense& dense = std::get<Dense>(step.what);
  Layer layer{.inputs = artifact.values[step.reads[0]].width,
              .outputs = artifact.values[step.writes].width,
              .weight = {},
              .bias = std::vector<float>(artifact.values[step.writes].width),
              .activation = dense.activation};
  std::ranges::copy(artifact::elements<float>(dense.bias), layer.bias.begin());
  switch (dense.weights) {
    case artifact::Weights::kFp32: {
      const auto weight = artifact::elements<float>(dense.weight);
      layer.weight.assign(weight.begin(), weight.end());
      return layer;
    }
    case artifact::Weights::kBf16:
      for (const std::uint16_t bits : artifact::elements<std::uint16_t>(dense.weight)) {
        layer.weight.push_back(std::bit_cast<float>(std::uint32_t{bits} << 16));
      }
      return layer;
    default:
      return base::fail(base::Code::kUnimplemented, "quantized weights are not computed with yet");
  }
}

}  // namespace

MadeStep make_dense_step(const Artifact& artifact, std::span<const artifact::Step* const> layers,
                         kernels::Isa) {
  std::vector<Layer> made;
  for (const artifact::Step* step : layers) {
    auto layer = layer_of(artifact, *step);
    if (!layer) return std::unexpected(layer.error());
    made.push_back(*std::move(layer));
  }
  return std::make_unique<DenseStep>(layers.front()->reads[0], layers.back()->writes,
                                     std::move(made));
}

}  // namespace penstock::model
