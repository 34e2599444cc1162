// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/error.h"
#include "wire/infer_request.h"

// What can be said about a whole request without knowing the model, in whatever form it came.
// Private to this room.
namespace penstock::wire {

// Names of inputs are distinct, and so are those of outputs; the id is not too long.
base::Result<> check_distinct(const InferRequest& request);

// The datatype of that name, for the input that says so.
base::Result<base::DType> datatype_of(const InferInput& input, std::string_view name);

base::Error too_many_inputs();
base::Error too_many_outputs();

}  // namespace penstock::wire
