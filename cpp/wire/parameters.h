// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/infer_request.h"

// Private to this room. Both may throw what protozero throws.
namespace penstock::wire {

// One entry of a map<string, InferParameter> -> a Parameter at the end of the pool.
base::Result<> append_parameter(std::string_view entry, std::vector<Parameter>& pool);

// Once all of an owner's entries stand at the pool's end, from `begin` on: of several with one
// name the last remains, as protobuf's maps have it. Gives their range.
ParameterRange close_parameters(std::vector<Parameter>& pool, std::uint32_t begin);

}  // namespace penstock::wire
