// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>

#include "model/artifact_step_checks.h"

namespace penstock::model::artifact {
namespace {

using base::Result;

constexpr std::uint32_t kGroupUnit = 32;

Result<> check_activation(const Activation& activation) {
  if (activation.function > Function::kClip) {
    return refuse("has an activation that is not of one element by itself");
  }
  if (std::isnan(activation.alpha) || std::isnan(activation.beta)) {
    return refuse("has an activation with a parameter that is NaN");
  }
  return {};
}

Result<> check_bf16(Bytes weight, std::uint64_t count) {
  if (auto checked = check_size(weight, count, sizeof(std::uint16_t), "weight"); !checked) {
    return checked;
  }
  constexpr std::uint16_t kExponent = 0x7F80;
  for (const std::uint16_t bits : elements<std::uint16_t>(weight)) {
    if ((bits & kExponent) == kExponent) {
      return refuse("has weight with an element that is NaN or infinite");
    }
  }
  return {};
}

Result<> check_quantized_inputs(std::uint32_t inputs) {
  if (inputs <= kQuantizedInputsMax) return {};
  return refuse("reads " + std::to_string(inputs) + " columns by integers: wanted at most " +
                std::to_string(kQuantizedInputsMax));
}

Result<> check_s8(const Dense& dense, std::uint32_t inputs, std::uint32_t outputs) {
  if (auto checked = check_quantized_inputs(inputs); !checked) return checked;
  const std::uint64_t count = std::uint64_t{inputs} * outputs;
  if (auto checked = check_size(dense.weight, count, 1, "weight"); !checked) return checked;
  if (std::ranges::count(elements<std::int8_t>(dense.weight), std::int8_t{-128}) > 0) {
    return refuse("has a weight of -128: wanted -127 to 127");
  }
  if (auto checked = check_floats(dense.scale, outputs, "scale"); !checked) return checked;
  if (!dense.input) return {};
  if (!std::isnormal(dense.input->scale) || dense.input->scale < 0) {
    return refuse("has an input scale that is no positive number");
  }
  if (dense.input->zero_point > UINT8_MAX) {
    return refuse("has an input zero point of " + std::to_string(dense.input->zero_point) +
                  ": wanted 0 to 255");
  }
  return {};
}

Result<> check_u4(const Dense& dense, std::uint32_t inputs, std::uint32_t outputs) {
  if (auto checked = check_quantized_inputs(inputs); !checked) return checked;
  if (inputs % 2 != 0) {
    return refuse("has weights of four bits for " + std::to_string(inputs) +
                  " inputs: wanted an even number");
  }
  if (dense.group == 0 || dense.group % kGroupUnit != 0) {
    return refuse("has groups of " + std::to_string(dense.group) +
                  " weights: wanted a multiple of " + std::to_string(kGroupUnit));
  }
  if (auto checked = check_size(dense.weight, std::uint64_t{inputs} / 2 * outputs, 1, "weight");
      !checked) {
    return checked;
  }
  const std::uint64_t groups = (std::uint64_t{inputs} + dense.group - 1) / dense.group;
  return check_floats(dense.scale, groups * outputs, "scale");
}

}  // namespace

Result<> check_dense(const Dense& dense, Value read, Value writes) {
  if (auto checked = check_activation(dense.activation); !checked) return checked;
  if (!dense.bias.empty()) {
    if (auto checked = check_floats(dense.bias, writes.width, "bias"); !checked) return checked;
  }
  if (dense.weights != Weights::kS8 && dense.input) {
    return refuse("has a scale for its input: only weights of S8 have one");
  }
  const std::uint64_t count = std::uint64_t{read.width} * writes.width;
  switch (dense.weights) {
    case Weights::kFp32: return check_floats(dense.weight, count, "weight");
    case Weights::kBf16: return check_bf16(dense.weight, count);
    case Weights::kS8: return check_s8(dense, read.width, writes.width);
    case Weights::kU4: return check_u4(dense, read.width, writes.width);
  }
  return refuse("has weights of a kind that this version does not know: update Penstock");
}

}  // namespace penstock::model::artifact
