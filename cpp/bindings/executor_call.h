// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"

// A call of an executor from Python, without a server: numpy's arrays as its inputs.
namespace penstock::bindings {

// Views of `arrays`, one for each input of `signature`, in order: C-contiguous rows of its
// datatype; of BYTES each element behind its length. The arrays stay the caller's. Fails with a
// sentence that names the input. With the interpreter's lock held.
base::Result<std::vector<base::Tensor>> inputs_of(const base::Signature& signature,
                                                  std::int64_t rows,
                                                  const std::vector<pybind11::array>& arrays);

}  // namespace penstock::bindings
