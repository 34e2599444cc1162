// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/numpy.h>

#include "base/error.h"
#include "base/tensor.h"

// Tensors as numpy arrays. Everything here needs the interpreter's lock.
namespace penstock::bindings {

// A read-only view of the tensor's bytes, which it keeps alive. BYTES become an object array of
// `bytes`, copied; BF16 are seen as uint16, for numpy has no such type. The tensor's bytes must be
// aligned for its datatype.
pybind11::array array_of(const base::Tensor& tensor);

// The same, for bytes that nobody else reads: the array may be written to.
pybind11::array owned_array_of(const base::Tensor& tensor);

// A copy of `value`, which must be a C-contiguous array of the datatype's numpy type (object array
// of `bytes` for BYTES). Fails with kInternal and a sentence that begins with the tensor's name:
// it is the backend's doing.
base::Result<base::Tensor> tensor_of(const pybind11::handle& value, const base::TensorSpec& spec);

}  // namespace penstock::bindings
