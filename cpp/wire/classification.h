// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"
#include "base/tensor.h"

// The classification extension: an output's values as the best k of their classes. Pure.
namespace penstock::wire {

// Classes that a request may ask for of one output: to rank them takes an io thread's time.
inline constexpr std::uint32_t kClassesMax = 65'536;

// Whether values of `dtype` can be ranked: numbers.
bool can_classify(base::DType dtype);

// `output` as a BYTES tensor of "VALUE:CLASS" or, where `labels` has a line for the class,
// "VALUE:CLASS:LABEL": for each row (with `batches`, whose first dimension it keeps) the
// `classes_max` greatest values of all its elements, or as many as it has, the greatest first.
// CLASS counts elements of the row from 0. Of equal values the first class comes first; NaNs come
// after all else. Integers are written as such, others with six digits behind the point.
//
// `output` is a numeric tensor with bytes for its shape. kResourceExhausted if there is no memory.
base::Result<base::Tensor> classify(const base::Tensor& output, bool batches,
                                    std::uint32_t classes_max, std::span<const std::string> labels);

}  // namespace penstock::wire
