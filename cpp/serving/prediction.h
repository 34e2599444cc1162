// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/tensor.h"

namespace penstock::serving {

// The number that stands for an answer where predictions are counted: the last value of the
// output's first row, which of two classes' probabilities is the second's. `batches`: the first
// dimension counts rows. Nothing for an empty output, for BYTES and for NaN.
std::optional<double> prediction_of(const base::Tensor& output, bool batches);

}  // namespace penstock::serving
