// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"
#include "model/signature.h"

// The shapes that requests and answers have, and those that the model has for the same bytes, where
// config.pbtxt tells them apart (`reshape`). Pure functions: no byte moves.
namespace penstock::model {

// One tensor's dims, without the batch dimension, on both sides. They have equally many -1, which
// stand for each other in order, and between these the same number of elements.
struct Reshape {
  std::vector<std::int64_t> asked{};  // by requests and in answers
  std::vector<std::int64_t> model{};

  friend bool operator==(const Reshape&, const Reshape&) = default;
};

// Of a version of which any tensor is reshaped.
struct Reshaping {
  base::Signature signature{};                  // as requests and answers see it
  std::vector<std::optional<Reshape>> inputs;   // in the signature's order; nothing: as it is
  std::vector<std::optional<Reshape>> outputs;  // in the signature's order
};

// Whether `asked` can be seen as `model` whatever the sizes of the -1 are.
bool can_reshape(std::span<const std::int64_t> asked, std::span<const std::int64_t> model);

// What `config` says to reshape of a version whose executor has `signature`; nothing where it says
// nothing. Fails if the executor's dims are not those that the config reshapes to.
base::Result<std::optional<Reshaping>> find_reshaping(const ConfigSignature& config,
                                                      const base::Signature& signature);

// `shape`, which is of dims `from`, as dims `to`; with `batches` both have the rows in front.
// Fails if `shape` is not of dims `from`: what a model's own code returns may be anything.
base::Result<base::Shape> reshaped(const base::Shape& shape, std::span<const std::int64_t> from,
                                   std::span<const std::int64_t> to, bool batches);

// A request's tensors, which bind_request() has held against `reshaping`, as the model has them.
void reshape_inputs(const Reshaping& reshaping, bool batches, std::span<base::Tensor> inputs);
// The model's tensors as answers have them.
base::Result<> reshape_outputs(const Reshaping& reshaping, bool batches,
                               std::span<base::Tensor> outputs);

}  // namespace penstock::model
