// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/dtype.h"
#include "model/artifact_steps.h"

namespace penstock::model {

// Reads `count` elements at any address and writes them in another datatype, as C casts them. What
// C leaves open is settled: a float that no integer of the kind holds, NaN among them, becomes the
// least of the kind, as on x86; BOOL is 0 or 1.
using ConvertElements = void (*)(const std::byte* from, std::byte* to, std::size_t count);

// Among BOOL, UINT8, INT32, INT64, FP32 and FP64.
ConvertElements converter(base::DType from, base::DType to);

// The datatype that elements of a kind of numbers are.
base::DType dtype_of(artifact::Kind kind);

}  // namespace penstock::model
