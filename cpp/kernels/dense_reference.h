// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/dense.h"

namespace penstock::kernels {

// The definition of right: what a layer gives for rows of `inputs` floats, one output after the
// other, as plainly as it can be said. Kernels of every instruction set give the same bits, but for
// the payload of NaN, and for bfloat16 below 2^-126, which an instruction for it takes for zero.
// A net is one layer after the other.
std::vector<float> dense_reference(const DenseLayer& layer, const std::vector<float>& x);

}  // namespace penstock::kernels
