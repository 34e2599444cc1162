// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/error.h"

// Why a request of the REST API failed, as HTTP says it.
namespace penstock::rest {

inline constexpr int kOk = 200;
inline constexpr int kBadRequest = 400;
inline constexpr int kContentTooLarge = 413;       // past --http-max-input-size
inline constexpr int kUnsupportedMediaType = 415;  // an unknown content-encoding
inline constexpr int kHeaderFieldsTooLarge = 431;

// Triton's map for the codes that it has: INTERNAL 500, NOT_FOUND 404, UNAVAILABLE 503,
// UNIMPLEMENTED (its UNSUPPORTED) 501, the rest 400. UNKNOWN is 500 here: it is a backend's own
// failure, which Triton calls INTERNAL. The codes that Triton lacks are as in google.rpc.Code:
// DEADLINE_EXCEEDED 504, RESOURCE_EXHAUSTED 429, PERMISSION_DENIED 403, UNAUTHENTICATED 401,
// ABORTED 409, DATA_LOSS 500.
int http_status(base::Code code);

// A request that fails before anybody looks at what it asks for.
struct Refusal {
  int status = kBadRequest;
  base::Error error;
};

}  // namespace penstock::rest
