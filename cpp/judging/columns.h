// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/tensor.h"

namespace penstock::judging {

// How many numbers each of the request's `rows` has in this input; 0 where it has none: BYTES, an
// input that is not there, and one whose elements are not the same number for each row.
std::size_t columns_of(const base::Tensor& input, std::int64_t rows);

// The first `columns` numbers of each row, as binary64, to `values[row * stride + i]`. A missing
// number is NaN. `columns` is at most columns_of().
void read_columns(const base::Tensor& input, std::int64_t rows, std::size_t columns,
                  std::size_t stride, std::span<double> values);

}  // namespace penstock::judging
