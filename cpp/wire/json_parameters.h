// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/error.h"
#include "wire/infer_request.h"
#include "wire/json_reader.h"

// Private to this room.
namespace penstock::wire {

// The object `value` -> parameters at the end of `pool`; their range. Values are booleans, numbers
// and strings: a whole number is an int64, or a uint64 where that is needed, any other number a
// double. null is a parameter that is not given. Of several with one name the last remains.
// `depth`: of what holds the object; `what` names that in errors.
base::Result<ParameterRange> read_json_parameters(JsonReader& reader, ondemand::value& value,
                                                  std::string_view what,
                                                  std::vector<Parameter>& pool);

}  // namespace penstock::wire
