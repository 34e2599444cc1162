// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "wire/infer_request.h"

// What can be said about one input without knowing the model, in whatever form it came.
namespace penstock::wire {

// `input "x": shape [1,16] of FP32`, where a sentence about the tensor begins.
std::string describe(const InferInput& input);

// `input "x": `, where it begins without them.
std::string about(const InferInput& input);

// The number of elements, if no dimension is negative and the bytes can be counted in int64. A
// dimension of 0 is legal: the tensor is empty.
base::Result<std::int64_t> count_elements(const InferInput& input);

// Raw bytes must be as many as shape x datatype needs. BYTES elements must be as many as the shape
// says and the last one must end where the bytes do. The shape has passed count_elements().
base::Result<> check_raw_bytes(const InferInput& input);

}  // namespace penstock::wire
