// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"

// How a model's signature comes about: what the model's own file says (GraphSignature) completed
// and checked by what its config.pbtxt says (ConfigSignature). Pure functions on values.
namespace penstock::model {

// One input or output as the model's file declares it. `dims` are whole: a batch dimension is the
// first of them. -1 = any size.
struct GraphTensor {
  std::string name{};
  std::optional<base::DType> dtype{};  // nothing: not a tensor, or of a type V2 cannot carry
  std::string kind{};                  // then: what it is instead, e.g. "a sequence"
  std::optional<std::vector<std::int64_t>> dims{};  // nothing: the file gives no shape
  std::vector<std::string> symbols{};               // per dimension, may be empty
  bool has_default = false;  // an input whose value stands in the file: requests may leave it out

  friend bool operator==(const GraphTensor&, const GraphTensor&) = default;
};

struct GraphSignature {
  std::vector<GraphTensor> inputs{};
  std::vector<GraphTensor> outputs{};
};

// One `input` or `output` of config.pbtxt.
struct ConfigTensor {
  std::string name{};
  std::optional<base::DType> dtype{};  // nothing: not given
  std::vector<std::int64_t> dims{};    // empty: not given, or no dimension but the batch's
  bool is_optional = false;
  std::optional<std::vector<std::int64_t>> reshape{};  // the model's dims, where they differ

  friend bool operator==(const ConfigTensor&, const ConfigTensor&) = default;
};

struct ConfigSignature {
  std::vector<ConfigTensor> inputs{};            // empty: take the model's
  std::vector<ConfigTensor> outputs{};           // empty: take the model's
  std::optional<std::int64_t> batch_rows_max{};  // max_batch_size; nothing: not given

  friend bool operator==(const ConfigSignature&, const ConfigSignature&) = default;
};

// Rows per batch of a model that can batch and whose config does not say.
inline constexpr std::int64_t kBatchRowsDefault = 64;

// The signature to serve a graph with. Triton's rules: with max_batch_size above 0 every tensor's
// first dimension is the batch's, must be variable in the graph, and is left out of the config's
// dims; with 0 (or not given beside listed tensors) the config's dims are whole. Where the config
// gives nothing at all, a graph whose tensors all start with a variable dimension batches up to
// `batch_rows_default`. Inputs and outputs stand in the config's order if it lists them, else in
// the graph's; only listed outputs are served. Fails with kInvalidArgument and a sentence that
// names the tensor, both shapes and the mend. A tensor that is reshaped has the dims that the model
// has for it, here and in declared_signature(); reshape.h says what requests have.
base::Result<base::Signature> complete_signature(
    const ConfigSignature& config, const GraphSignature& graph,
    std::int64_t batch_rows_default = kBatchRowsDefault);

// The signature of a model without a file of its own, which the config gives alone: every tensor
// needs a name and a datatype, and dims mean what they say. Fails as above.
base::Result<base::Signature> declared_signature(const ConfigSignature& config);

}  // namespace penstock::model
