// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/dtype.h"
#include "base/error.h"
#include "model/ort_runtime.h"
#include "model/signature.h"

// What a loaded ONNX graph takes and gives, in Penstock's terms.
namespace penstock::model {

// ONNX's number for a datatype, and back; nothing for types that V2 cannot carry.
int onnx_element_type(base::DType dtype);
std::optional<base::DType> dtype_of_onnx(int element_type);

// Reads names, types and shapes from the session. Inputs that have a default in the file (ONNX's
// overridable initializers) come after the others and have has_default.
base::Result<GraphSignature> read_graph_signature(const OrtRuntime& runtime,
                                                  const ort::Session* session);

}  // namespace penstock::model
