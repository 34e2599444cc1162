// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/error.h"
#include "base/tensor.h"

namespace penstock::base {

// What one request of a batch got from an executor that answers each by itself: a tensor for every
// output of the signature, in its order, or why not. An output that the request did not ask for
// may be absent (Tensor::is_present false).
using Answer = Result<std::vector<Tensor>>;

}  // namespace penstock::base
