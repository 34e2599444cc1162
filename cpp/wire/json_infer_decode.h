// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/buffer.h"
#include "base/error.h"
#include "wire/infer_request.h"
#include "wire/json_scratch.h"

namespace penstock::wire {

// The body of POST .../infer -> `request`, whose model_name and model_version stay empty: they
// are the path's. `json_bytes` at the start of `body` are JSON (the whole body, or what
// Inference-Header-Content-Length says and the body has); after them come the tensors that give
// their parameter `binary_data_size`, in the order of `inputs`, and are views into the body.
// Other tensors are read from `data` (json_elements.h says how) into a block of their own.
//
// Checks what decode_infer_request() checks of the protobuf form, in the same words, and gives
// parameters in the same form; `binary_data_size` is used up here and is not among them. An input
// with `shared_memory_region` has no bytes yet. Keys may come in any order; unknown ones are
// ignored, a known one that is given twice is refused. `request` views `body` and `scratch`.
// Errors are kInvalidArgument (kResourceExhausted: no memory); `request` is then empty.
base::Result<> decode_json_infer(JsonScratch& scratch, const base::Slice& body,
                                 std::size_t json_bytes, InferRequest& request);

// What the parameters of a request say about how its answer carries tensors: `binary_data` of an
// output, else `binary_data_output` of the request, else as JSON.
bool wants_binary_by_default(const InferRequest& request);
bool wants_binary(const InferRequest& request, const RequestedOutput& output);

}  // namespace penstock::wire
