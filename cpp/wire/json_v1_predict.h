// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "base/error.h"
#include "base/tensor.h"
#include "wire/infer_codec.h"
#include "wire/infer_request.h"
#include "wire/json_scratch.h"

// KServe's V1 protocol, which is TensorFlow Serving's REST API: POST /v1/models/{m}:predict.
//
//   rows     {"instances": [row, ...]}    ->  {"predictions": [row, ...]}
//   columns  {"inputs": tensor}           ->  {"outputs": tensor}
//
// A row is the value of the model's only input, or an object with the value of each input by name;
// in the same way `inputs` is one tensor or an object of them. Answers with one output are bare,
// those with several are objects by name. Datatypes are the model's and shapes are as the JSON is
// nested. BYTES that are no text are {"b64": "<base64>"} both ways.
namespace penstock::wire {

enum class V1Form : std::uint8_t { kRows, kColumns };

// `body` -> `request`, whose model is the path's, and the form that the answer must have. Unknown
// keys beside these two are ignored. `request` views `signature` and holds blocks of its own.
// Errors are kInvalidArgument (kResourceExhausted: no memory); `request` is then empty.
base::Result<V1Form> decode_v1_predict(JsonScratch& scratch, const base::Slice& body,
                                       const base::Signature& signature, InferRequest& request);

// The outputs -> a body. In rows every output needs a first dimension, the same for all
// (kInvalidArgument otherwise). kResourceExhausted: no memory.
base::Result<> encode_v1_answer(V1Form form, std::span<const InferOutput> outputs,
                                EncodedMessage& encoded);

}  // namespace penstock::wire
