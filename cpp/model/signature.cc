// SPDX-License-Identifier: Apache-2.0
#include "model/signature.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "model/reshape.h"

namespace penstock::model {
namespace {

using base::Code;
using base::dims_text;
using base::fail;
using base::Result;
using Dims = std::vector<std::int64_t>;

// "input 'x'"
std::string named(std::string_view role, std::string_view name) {
  return std::string(role) + " '" + std::string(name) + "'";
}

std::unexpected<base::Error> refuse(std::string why) {
  return fail(Code::kInvalidArgument, std::move(why));
}

template <class T>
std::string names_of(const std::vector<T>& tensors) {
  std::string text;
  for (const T& tensor : tensors) {
    if (!text.empty()) text += ", ";
    text += "'" + tensor.name + "'";
  }
  return text.empty() ? "none" : text;
}

template <class T>
const T* find_named(const std::vector<T>& tensors, std::string_view name) {
  const auto at = std::ranges::find(tensors, name, &T::name);
  return at == tensors.end() ? nullptr : &*at;
}

Dims without_first(const Dims& dims) {
  return Dims(dims.begin() + (dims.empty() ? 0 : 1), dims.end());
}

std::string batch_text(std::int64_t batch_rows_max) {
  return "max_batch_size " + std::to_string(batch_rows_max);
}

// --- what is wrong whatever the graph says -----------------------------------------------------

Result<> check_dims(const Dims& dims, const std::string& who) {
  if (dims.size() >= base::kRankMax) {
    return refuse(who + " has " + std::to_string(dims.size()) + " dimensions; fewer than " +
                  std::to_string(base::kRankMax) + " are supported");
  }
  for (const std::int64_t dim : dims) {
    if (dim < -1) {
      return refuse(who + " " + dims_text(dims) + " has a dimension of " + std::to_string(dim) +
                    "; write -1 for any size");
    }
  }
  return {};
}

Result<> check_listed(const std::vector<ConfigTensor>& listed, std::string_view role) {
  for (const ConfigTensor& tensor : listed) {
    const std::string who = named(role, tensor.name);
    if (tensor.name.empty())
      return refuse("an " + std::string(role) + " of the config has no name");
    if (std::ranges::count(listed, tensor.name, &ConfigTensor::name) > 1) {
      return refuse("the config lists " + who + " twice");
    }
    if (auto checked = check_dims(tensor.dims, who + ": dims"); !checked) return checked;
    if (!tensor.reshape) continue;
    if (auto checked = check_dims(*tensor.reshape, who + ": reshape"); !checked) return checked;
    if (!can_reshape(tensor.dims, *tensor.reshape)) {
      return refuse(who + ": dims " + dims_text(tensor.dims) + " cannot be reshaped to " +
                    dims_text(*tensor.reshape) +
                    "; both need the same number of elements and of -1, and before, between and "
                    "behind the -1 the same number of elements");
    }
  }
  return {};
}

Result<> check_config(const ConfigSignature& config) {
  if (config.batch_rows_max.value_or(0) < 0) {
    return refuse(batch_text(*config.batch_rows_max) +
                  " is negative; write 0 for a model that does not batch");
  }
  if (auto checked = check_listed(config.inputs, "input"); !checked) return checked;
  return check_listed(config.outputs, "output");
}

// The dims that the model itself is to have: those that requests have, unless it is reshaped.
const Dims& model_dims(const ConfigTensor& listed) {
  return listed.reshape ? *listed.reshape : listed.dims;
}

// --- batching ----------------------------------------------------------------------------------

// Whether this dimension is free to be the batch's: the first, variable, and its symbol nowhere
// else (a square [n,n] is no batch of rows).
bool has_batch_dim(const GraphTensor& tensor) {
  if (!tensor.dims || tensor.dims->empty() || tensor.dims->front() != -1) return false;
  if (tensor.symbols.empty() || tensor.symbols.front().empty()) return true;
  return std::count(tensor.symbols.begin() + 1, tensor.symbols.end(), tensor.symbols.front()) == 0;
}

std::int64_t batch_rows_of(const ConfigSignature& config, const GraphSignature& graph,
                           std::int64_t batch_rows_default) {
  if (config.batch_rows_max) return *config.batch_rows_max;
  // Dims without max_batch_size are whole shapes, as in Triton.
  if (!config.inputs.empty() || !config.outputs.empty()) return 0;
  const bool batches = !graph.inputs.empty() && std::ranges::all_of(graph.inputs, has_batch_dim) &&
                       std::ranges::all_of(graph.outputs, has_batch_dim);
  return batches ? batch_rows_default : 0;
}

Result<> check_batch_dim(const GraphTensor& tensor, std::string_view role,
                         std::int64_t batch_rows_max) {
  if (!tensor.dims) return {};
  const std::string found =
      named(role, tensor.name) + " has shape " + dims_text(*tensor.dims) + " in the model";
  if (tensor.dims->empty()) {
    return refuse(found + ", no batch dimension, but the config says " +
                  batch_text(batch_rows_max) + "; write max_batch_size: 0");
  }
  const std::int64_t first = tensor.dims->front();
  // A batch of exactly one row is what the model takes anyway.
  if (first == -1 || (first == 1 && batch_rows_max == 1)) return {};
  return refuse(found + ", but " + batch_text(batch_rows_max) +
                " needs a variable first dimension (-1) to put the rows in; export the model with "
                "a dynamic first dimension, or write max_batch_size: 0 and whole dims: " +
                dims_text(*tensor.dims));
}

// --- one tensor --------------------------------------------------------------------------------

bool agrees(const Dims& listed, const Dims& wanted) {
  return std::ranges::equal(listed, wanted, [](std::int64_t a, std::int64_t b) {
    return a == b || b == -1;  // a config may narrow what the graph leaves open, never widen it
  });
}

std::string shapes_differ(std::string_view role, const ConfigTensor& listed,
                          const GraphTensor& tensor, const Dims& wanted,
                          std::int64_t batch_rows_max) {
  const std::string field = listed.reshape ? "reshaped dims" : "dims";
  std::string why =
      named(role, listed.name) + ": the config's " + field + " " + dims_text(model_dims(listed));
  if (batch_rows_max > 0) {
    Dims whole = model_dims(listed);
    whole.insert(whole.begin(), -1);
    why += " with " + batch_text(batch_rows_max) + " stand for the shape " + dims_text(whole) +
           " (" + field + " leave the batch dimension out)";
  } else {
    why += " without max_batch_size are the whole shape";
  }
  why += ", but the model has " + dims_text(*tensor.dims) + "; write " + field + ": " +
         dims_text(wanted);
  if (batch_rows_max == 0 && has_batch_dim(tensor) &&
      agrees(model_dims(listed), without_first(*tensor.dims))) {
    why += ", or set max_batch_size to at least 1";
  }
  return why;
}

Result<base::TensorSpec> complete_tensor(const ConfigTensor* listed, const GraphTensor& tensor,
                                         std::string_view role, std::int64_t batch_rows_max) {
  const std::string who = named(role, tensor.name);
  if (!tensor.dtype) {
    return refuse(who + " of the model is " + tensor.kind +
                  ", which cannot be served; export the model with plain tensors (for a "
                  "scikit-learn classifier: options={'zipmap': False}), or list only its tensor " +
                  std::string(role) + "s in the config");
  }
  if (listed != nullptr && listed->dtype && listed->dtype != tensor.dtype) {
    return refuse(who + ": the config says " + std::string(base::name_of(*listed->dtype)) +
                  ", but the model has " + std::string(base::name_of(*tensor.dtype)));
  }
  if (listed != nullptr && listed->is_optional && !tensor.has_default) {
    return refuse(who + " is optional in the config, but the model has no default for it");
  }
  if (batch_rows_max > 0) {
    if (auto checked = check_batch_dim(tensor, role, batch_rows_max); !checked) {
      return std::unexpected(checked.error());
    }
  }
  base::TensorSpec spec{.name = tensor.name,
                        .dtype = *tensor.dtype,
                        .dims = {},
                        .is_optional = listed != nullptr && listed->is_optional};
  const bool gives_dims = listed != nullptr && (!listed->dims.empty() || listed->reshape);
  if (!tensor.dims) {
    if (!gives_dims) {
      return refuse(who + " has no shape in the model; list it in the config with its dims");
    }
    spec.dims = model_dims(*listed);
    return spec;
  }
  const Dims wanted = batch_rows_max > 0 ? without_first(*tensor.dims) : *tensor.dims;
  if (gives_dims && !agrees(model_dims(*listed), wanted)) {
    return refuse(shapes_differ(role, *listed, tensor, wanted, batch_rows_max));
  }
  spec.dims = gives_dims ? model_dims(*listed) : wanted;
  return spec;
}

// --- one side of the signature -----------------------------------------------------------------

Result<std::vector<base::TensorSpec>> complete_side(const std::vector<ConfigTensor>& listed,
                                                    const std::vector<GraphTensor>& tensors,
                                                    std::string_view role,
                                                    std::int64_t batch_rows_max) {
  std::vector<base::TensorSpec> specs;
  const auto add = [&](const ConfigTensor* entry, const GraphTensor& tensor) -> Result<> {
    auto spec = complete_tensor(entry, tensor, role, batch_rows_max);
    if (!spec) return std::unexpected(spec.error());
    specs.push_back(*std::move(spec));
    return {};
  };
  for (const ConfigTensor& entry : listed) {
    const GraphTensor* const tensor = find_named(tensors, entry.name);
    if (tensor == nullptr) {
      return refuse("the config lists " + named(role, entry.name) +
                    ", which the model lacks; its " + std::string(role) + "s are " +
                    names_of(tensors));
    }
    if (auto added = add(&entry, *tensor); !added) return std::unexpected(added.error());
  }
  if (!listed.empty()) return specs;
  for (const GraphTensor& tensor : tensors) {
    if (tensor.has_default) continue;
    if (auto added = add(nullptr, tensor); !added) return std::unexpected(added.error());
  }
  return specs;
}

Result<> check_none_missing(const ConfigSignature& config, const GraphSignature& graph) {
  if (config.inputs.empty()) return {};
  for (const GraphTensor& tensor : graph.inputs) {
    if (!tensor.has_default && find_named(config.inputs, tensor.name) == nullptr) {
      return refuse("the model needs " + named("input", tensor.name) +
                    ", which the config does not list; it lists " + names_of(config.inputs));
    }
  }
  return {};
}

}  // namespace

Result<base::Signature> complete_signature(const ConfigSignature& config,
                                           const GraphSignature& graph,
                                           std::int64_t batch_rows_default) {
  if (auto checked = check_config(config); !checked) return std::unexpected(checked.error());
  if (auto checked = check_none_missing(config, graph); !checked) {
    return std::unexpected(checked.error());
  }
  base::Signature signature;
  signature.batch_rows_max = batch_rows_of(config, graph, batch_rows_default);
  auto inputs = complete_side(config.inputs, graph.inputs, "input", signature.batch_rows_max);
  if (!inputs) return std::unexpected(inputs.error());
  auto outputs = complete_side(config.outputs, graph.outputs, "output", signature.batch_rows_max);
  if (!outputs) return std::unexpected(outputs.error());
  signature.inputs = *std::move(inputs);
  signature.outputs = *std::move(outputs);
  return signature;
}

Result<base::Signature> declared_signature(const ConfigSignature& config) {
  if (auto checked = check_config(config); !checked) return std::unexpected(checked.error());
  base::Signature signature;
  signature.batch_rows_max = config.batch_rows_max.value_or(0);
  const auto declare = [](const std::vector<ConfigTensor>& listed, std::string_view role,
                          std::vector<base::TensorSpec>& specs) -> Result<> {
    if (listed.empty()) {
      return refuse("the config lists no " + std::string(role) +
                    ", and this backend cannot find them out");
    }
    for (const ConfigTensor& tensor : listed) {
      if (!tensor.dtype)
        return refuse(named(role, tensor.name) + " has no data_type in the config");
      specs.push_back({tensor.name, *tensor.dtype, model_dims(tensor), tensor.is_optional});
    }
    return {};
  };
  if (auto done = declare(config.inputs, "input", signature.inputs); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = declare(config.outputs, "output", signature.outputs); !done) {
    return std::unexpected(done.error());
  }
  return signature;
}

}  // namespace penstock::model
