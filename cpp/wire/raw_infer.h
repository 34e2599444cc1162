// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "base/tensor.h"
#include "wire/infer_request.h"

namespace penstock::wire {

// A raw binary request, which Inference-Header-Content-Length: 0 announces: `body` is the elements
// of the model's only input and nothing else. Its shape is the model's, with one row where the
// model batches; one dimension that the model leaves open is as large as the bytes make it. For
// BYTES the whole body, without a length before it, is the only element.
//
// The answer carries bytes as well: the request comes with the parameter binary_data_output.
// `request` views `body` and `signature`. Errors are kInvalidArgument (kResourceExhausted: no
// memory); `request` is then empty.
base::Result<> decode_raw_infer(const base::Slice& body, const base::Signature& signature,
                                InferRequest& request);

}  // namespace penstock::wire
