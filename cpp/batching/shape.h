// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "base/tensor.h"

namespace penstock::batching {

// A number that is equal for inputs which may share a batch: the same optional inputs are present,
// and the dimensions after the first are the same. Different inputs may have the same number, so
// whoever puts tickets together asks same_shapes() too.
std::uint64_t shape_key(std::span<const base::Tensor> inputs);

bool same_shapes(std::span<const base::Tensor> a, std::span<const base::Tensor> b);

}  // namespace penstock::batching
