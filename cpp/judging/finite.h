// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/tensor.h"

namespace penstock::judging {

// Whether no element is NaN or infinite; true for datatypes that have neither.
bool is_finite(const base::Tensor& tensor);
// The same of all that are present.
bool are_finite(std::span<const base::Tensor> tensors);

}  // namespace penstock::judging
