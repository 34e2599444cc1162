// SPDX-License-Identifier: Apache-2.0
#include "model/reshape.h"

#include <algorithm>
#include <string>
#include <utility>

namespace penstock::model {
namespace {

using base::Code;
using base::dims_text;
using base::fail;
using base::Result;
using Dims = std::span<const std::int64_t>;

// Elements up to the next -1 or the end, and what is left behind it. Nothing: more than 63 bits.
std::optional<std::int64_t> take_run(Dims& dims) {
  const auto end = std::ranges::find(dims, -1);
  const base::Shape run(Dims(dims.begin(), end));
  dims = end == dims.end() ? Dims() : Dims(end + 1, dims.end());
  return run.elements();
}

Result<> check_model_dims(const ConfigTensor& tensor, const base::TensorSpec& spec,
                          std::string_view role) {
  if (std::ranges::equal(*tensor.reshape, spec.dims)) return {};
  return fail(Code::kInvalidArgument,
              std::string(role) + " '" + spec.name + "': the config reshapes dims " +
                  dims_text(tensor.dims) + " to " + dims_text(*tensor.reshape) +
                  ", but the model has " + dims_text(spec.dims) +
                  "; write reshape: { shape: " + dims_text(spec.dims) + " }");
}

Result<std::vector<std::optional<Reshape>>> find_side(const std::vector<ConfigTensor>& listed,
                                                      std::vector<base::TensorSpec>& specs,
                                                      std::string_view role) {
  std::vector<std::optional<Reshape>> found(specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto tensor = std::ranges::find(listed, specs[i].name, &ConfigTensor::name);
    if (tensor == listed.end() || !tensor->reshape) continue;
    if (auto checked = check_model_dims(*tensor, specs[i], role); !checked) {
      return std::unexpected(checked.error());
    }
    found[i] = Reshape{.asked = tensor->dims, .model = std::move(specs[i].dims)};
    specs[i].dims = tensor->dims;
  }
  return found;
}

}  // namespace

bool can_reshape(Dims asked, Dims model) {
  if (std::ranges::count(asked, -1) != std::ranges::count(model, -1)) return false;
  do {
    const auto wanted = take_run(asked);
    if (!wanted || wanted != take_run(model)) return false;
  } while (!asked.empty() || !model.empty());
  return true;
}

Result<std::optional<Reshaping>> find_reshaping(const ConfigSignature& config,
                                                const base::Signature& signature) {
  const auto has_reshape = [](const ConfigTensor& tensor) { return tensor.reshape.has_value(); };
  if (std::ranges::none_of(config.inputs, has_reshape) &&
      std::ranges::none_of(config.outputs, has_reshape)) {
    return std::nullopt;
  }
  Reshaping found{.signature = signature, .inputs = {}, .outputs = {}};
  auto inputs = find_side(config.inputs, found.signature.inputs, "input");
  if (!inputs) return std::unexpected(inputs.error());
  auto outputs = find_side(config.outputs, found.signature.outputs, "output");
  if (!outputs) return std::unexpected(outputs.error());
  found.inputs = *std::move(inputs);
  found.outputs = *std::move(outputs);
  return found;
}

Result<base::Shape> reshaped(const base::Shape& shape, Dims from, Dims to, bool batches) {
  const std::size_t lead = batches ? 1 : 0;
  bool fits = shape.rank() == from.size() + lead;
  for (std::size_t i = 0; fits && i < from.size(); ++i) {
    fits = from[i] == -1 || from[i] == shape[i + lead];
  }
  if (!fits) {
    return fail(Code::kInternal, "came back with shape " + shape.text() + ", where the model's " +
                                     "dims are " + dims_text(from) +
                                     (batches ? " behind the batch dimension" : ""));
  }
  base::Shape made;
  if (batches) made.push(shape[0]);
  std::size_t variable = 0;
  for (const std::int64_t dim : to) {
    if (dim != -1) {
      made.push(dim);
      continue;
    }
    while (from[variable] != -1) ++variable;
    made.push(shape[variable++ + lead]);
  }
  return made;
}

void reshape_inputs(const Reshaping& reshaping, bool batches, std::span<base::Tensor> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!reshaping.inputs[i] || !inputs[i].is_present) continue;
    const Reshape& sides = *reshaping.inputs[i];
    const auto shape = reshaped(inputs[i].shape, sides.asked, sides.model, batches);
    PENSTOCK_CHECK(shape.has_value());
    inputs[i].shape = *shape;
  }
}

Result<> reshape_outputs(const Reshaping& reshaping, bool batches,
                         std::span<base::Tensor> outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!reshaping.outputs[i] || !outputs[i].is_present) continue;
    const Reshape& sides = *reshaping.outputs[i];
    const auto shape = reshaped(outputs[i].shape, sides.model, sides.asked, batches);
    if (!shape) {
      return fail(shape.error().code,
                  "output '" + reshaping.signature.outputs[i].name + "' " + shape.error().why);
    }
    outputs[i].shape = *shape;
  }
  return {};
}

}  // namespace penstock::model
