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
//   {"id": text, "outputs": [name, ...], "parameters": {name: value, ...}}
// without the members that it does not say; empty where it says nothing, which costs nothing. A
// double that is no number is NaN, Infinity or -Infinity, as Python reads and writes it.
//
// Headers that are `forwarded` come after the request's own parameters, as texts. Of a name that
// stands there several times the last one counts: the header, and of repeated headers the last. To
// the server they are nothing but texts: none is a reserved parameter, whatever its name.
//
// kInvalidArgument beyond kRequestFactsBytesMax, and for a header that is not UTF-8.
base::Result<std::string> request_facts(const wire::InferRequest& request,
                                        std::span<const ForwardedHeader> forwarded = {});

}  // namespace penstock::serving
