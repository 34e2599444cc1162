// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "kernels/dense.h"
#include "model/native_step.h"

namespace penstock::model {
namespace {

using artifact::Dense;

class DenseStep final : public NativeStep {
 public:
  DenseStep(std::uint32_t reads, std::uint32_t writes, std::unique_ptr<const kernels::DenseNet> net)
      : reads_(reads), writes_(writes), net_(std::move(net)) {}

  void run(const StepFrame& frame, std::size_t rows) const override {
    net_->run(frame.read<float>(reads_), net_->inputs(), static_cast<std::int64_t>(rows),
              frame.write<float>(writes_), net_->outputs(), frame.scratch);
  }

 private:
  const std::uint32_t reads_;
  const std::uint32_t writes_;
  const std::unique_ptr<const kernels::DenseNet> net_;
};

// The file's numbers are not the kernels' own, so that neither is bound to the other's order.
kernels::Weights weights_of(artifact::Weights weights) {
  switch (weights) {
    case artifact::Weights::kFp32: return kernels::Weights::kFp32;
    case artifact::Weights::kBf16: return kernels::Weights::kBf16;
    case artifact::Weights::kS8: return kernels::Weights::kS8;
    case artifact::Weights::kU4: return kernels::Weights::kU4;
  }
  PENSTOCK_CHECK(!"weights that check_artifact() refuses");
  return {};
}

kernels::Activation activation_of(const artifact::Activation& activation) {
  const auto with = [&](kernels::Function function) {
    return kernels::Activation{function, activation.alpha, activation.beta};
  };
  switch (activation.function) {
    case artifact::Function::kIdentity: return with(kernels::Function::kIdentity);
    case artifact::Function::kRelu: return with(kernels::Function::kRelu);
    case artifact::Function::kLeakyRelu: return with(kernels::Function::kLeakyRelu);
    case artifact::Function::kSigmoid: return with(kernels::Function::kSigmoid);
    case artifact::Function::kTanh: return with(kernels::Function::kTanh);
    case artifact::Function::kClip: return with(kernels::Function::kClip);
    default: break;
  }
  PENSTOCK_CHECK(!"an activation that check_artifact() refuses");
  return {};
}

// Its spans are views into the file.
kernels::DenseLayer layer_of(const Artifact& artifact, const artifact::Step& step) {
  const Dense& dense = std::get<Dense>(step.what);
  kernels::DenseLayer layer{.weights = weights_of(dense.weights),
                            .inputs = artifact.values[step.reads[0]].width,
                            .outputs = artifact.values[step.writes].width,
                            .weight = dense.weight,
                            .scale = artifact::elements<float>(dense.scale),
                            .group = dense.group,
                            .bias = artifact::elements<float>(dense.bias),
                            .activation = activation_of(dense.activation)};
  if (dense.input) {
    layer.input = {.scale = dense.input->scale,
                   .zero_point = static_cast<std::uint8_t>(dense.input->zero_point)};
  }
  return layer;
}

}  // namespace

MadeStep make_dense_step(const Artifact& artifact, std::span<const artifact::Step* const> layers,
                         kernels::Isa isa) {
  std::vector<kernels::DenseLayer> made;
  for (const artifact::Step* step : layers) made.push_back(layer_of(artifact, *step));
  auto net = kernels::DenseNet::pack(made, isa);
  if (!net) return std::unexpected(net.error());
  return std::make_unique<DenseStep>(layers.front()->reads[0], layers.back()->writes,
                                     *std::move(net));
}

}  // namespace penstock::model
