// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/error.h"
#include "serving/forwarded_headers.h"
#include "wire/infer_request.h"

namespace penstock::serving {

// What the facts of one request may take: its names and parameters, escaped.
inline constexpr std::size_t kRequestFactsBytesMax = std::size_t{1} << 20;

// What a request says beside its tensors, for an executor that sees each request: JSON of
//   {"id": text, "outputs": [name, ...], "parameters": {name: value, ...},
//    "headers": {name: text, ...}}
// without the members that it does not say; empty where it says nothing, which costs nothing. A
// double that is no number is NaN, Infinity or -Infinity, as Python reads and writes it. The
// headers are those that are forwarded to models, in order; a repeated one stands there again.
//
// kInvalidArgument beyond kRequestFactsBytesMax, and for a header that is not UTF-8.
base::Result<std::string> request_facts(const wire::InferRequest& request,
                                        std::span<const ForwardedHeader> forwarded = {});

}  // namespace penstock::serving
