// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/tensor.h"
#include "model/ort_runtime.h"

// Tensors of the core to values of ONNX Runtime and back.
namespace penstock::model {

// A value that reads (or writes) `bytes` where they are; they must stay until it is released. Not
// for strings.
base::Result<> view_as_value(const OrtRuntime& runtime, std::span<const std::byte> bytes,
                             const base::Shape& shape, int element_type, ort::Value** value);

// A value with copies of the strings in `tensor` (a u32 length before each). Fails with
// kInvalidArgument if the bytes are not as many strings as the shape says.
base::Result<> strings_as_value(const OrtRuntime& runtime, const base::Tensor& tensor,
                                ort::Value** value);

// A tensor with a copy of what `value` holds.
base::Result<base::Tensor> copy_of_value(const OrtRuntime& runtime, ort::Value* value);

}  // namespace penstock::model
