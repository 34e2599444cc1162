// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"

// Requests that nobody sends: what the server asks a model itself before it serves it.
namespace penstock::model {

// A tensor for every input of `signature`, in its order: `make` gives it for the one among `given`
// that has its name, and an optional one that is not among them is absent. Fails with what is
// missing, too much, or not to be made.
base::Result<std::vector<base::Tensor>> own_inputs(
    const base::Signature& signature, std::span<const std::string> given,
    const std::function<base::Result<base::Tensor>(std::size_t given, const base::TensorSpec&)>&
        make);

// Whether a tensor of `dtype` and `dims`, without the batch dimension, can be the input `spec`.
base::Result<> check_fit(base::DType dtype, std::span<const std::int64_t> dims,
                         const base::TensorSpec& spec, bool batches);

// "'x', 'y'".
std::string names_of(std::span<const base::TensorSpec> specs);

}  // namespace penstock::model
