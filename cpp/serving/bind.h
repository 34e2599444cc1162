// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"
#include "batching/ticket.h"
#include "wire/infer_request.h"

namespace penstock::serving {

// Holds a decoded request against a model's signature: every input there, each with the wanted
// datatype and shape, none too many, rows within the model's bound. Fills the ticket's `inputs`
// (in the signature's order; they share the request's bytes), `rows` and `shape_key`, and
// `wanted_outputs` with the indices of the outputs asked for, in the request's order; empty means
// all of the signature's.
//
// Errors are kInvalidArgument (kUnimplemented for what a later version will serve) and name the
// tensor, what was wanted and what came. They begin as Triton's do, which clients look for.
base::Result<> bind_request(const wire::InferRequest& request, const base::Signature& signature,
                            std::string_view model_name, batching::Ticket& ticket,
                            std::vector<std::uint32_t>& wanted_outputs);

}  // namespace penstock::serving
