// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/tensor.h"

// Whether a model answers what was expected of it. Pure.
namespace penstock::model {

// Whether `tensor` has just the bytes of the elements of its shape.
bool holds_its_elements(const base::Tensor& tensor);

// Where `found` is not `wanted`, in a clause such as "label[2] is 'no', wanted 'yes'"; empty if it
// is. Datatype and shape must be equal, and so must elements, but for floats: they may differ by
// `tolerance`, relative to the larger of 1 and the wanted value, and NaN is as good as NaN.
//
// `name` is the output's. Both may be cut out of larger tensors: `first_row` is the index of their
// first row there. `wanted` must hold its elements; `found` need not.
std::string difference_of(std::string_view name, const base::Tensor& found,
                          const base::Tensor& wanted, double tolerance, std::int64_t first_row = 0);

}  // namespace penstock::model
