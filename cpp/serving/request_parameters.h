// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/tensor.h"
#include "wire/infer_request.h"

// What a request asks for besides tensors: its own parameters, and those of the outputs it names.
// Pure functions of a decoded request.
namespace penstock::serving {

// The parameters of a request that mean something to every server of the protocol.
struct RequestWishes {
  base::Nanos timeout_ns = 0;  // longest wait in the queue; 0: as the model has it
};

// Checks the reserved parameters as Triton does: `timeout` (microseconds) and `priority` are not
// negative, `sequence_id`, `sequence_start`, `sequence_end` have their types, and of the names that
// begin with "triton_" only those known are there. All other parameters are the caller's and mean
// nothing here.
base::Result<RequestWishes> read_wishes(const wire::InferRequest& request);

// The parameter `classification` of the outputs asked for: how many classes of each are wanted, in
// the order of `wanted` (indices of the signature's outputs); 0: its values. Empty if all are.
base::Result<> bind_classes(const wire::InferRequest& request, const base::Signature& signature,
                            const std::vector<std::uint32_t>& wanted,
                            std::vector<std::uint32_t>& classes);

}  // namespace penstock::serving
