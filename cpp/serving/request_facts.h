// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "base/error.h"
#include "wire/infer_request.h"

namespace penstock::serving {

// What the facts of one request may take: its names and parameters, escaped.
inline constexpr std::size_t kRequestFactsBytesMax = std::size_t{1} << 20;

// What a request says beside its tensors, for an executor that sees each request: JSON of
//   {"id": text, "outputs": [name, ...], "parameters": {name: value, ...}}
// without the members that it does not say; empty where it says nothing, which costs nothing. A
// double that is no number is NaN, Infinity or -Infinity, as Python reads and writes it.
// kInvalidArgument beyond kRequestFactsBytesMax.
base::Result<std::string> request_facts(const wire::InferRequest& request);

}  // namespace penstock::serving
