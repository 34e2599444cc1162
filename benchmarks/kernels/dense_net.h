// SPDX-License-Identifier: Apache-2.0
// The dense layers of a compiled model, one after the other, as the kernels take them.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "kernels/dense.h"
#include "kernels/rows.h"
#include "model/artifact.h"

namespace kernels_bench {

// The layers are views into the file.
struct DenseFile {
  penstock::model::Artifact artifact;
  std::vector<penstock::kernels::DenseLayer> layers;
};

inline DenseFile open_dense(const std::string& path) {
  namespace artifact = penstock::model::artifact;
  auto opened = penstock::model::open_artifact(path);
  if (!opened) fail(opened.error().why);
  DenseFile file{.artifact = *std::move(opened), .layers = {}};
  for (const artifact::Step& step : file.artifact.steps) {
    const auto* const dense = std::get_if<artifact::Dense>(&step.what);
    if (dense == nullptr) fail(path + " has a step that is no dense layer");
    penstock::kernels::DenseLayer layer{
        .weights = static_cast<penstock::kernels::Weights>(static_cast<int>(dense->weights) - 1),
        .inputs = file.artifact.values[step.reads[0]].width,
        .outputs = file.artifact.values[step.writes].width,
        .weight = dense->weight,
        .scale = artifact::elements<float>(dense->scale),
        .group = dense->group,
        .bias = artifact::elements<float>(dense->bias)};
    if (dense->activation.function == artifact::Function::kRelu) {
      layer.activation.function = penstock::kernels::Function::kRelu;
    }
    if (dense->input) {
      layer.input = {.scale = dense->input->scale,
                     .zero_point = static_cast<std::uint8_t>(dense->input->zero_point)};
    }
    file.layers.push_back(layer);
  }
  return file;
}

}  // namespace kernels_bench
