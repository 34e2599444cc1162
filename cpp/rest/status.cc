// SPDX-License-Identifier: Apache-2.0
#include "rest/status.h"

#include <utility>

namespace penstock::rest {

int http_status(base::Code code) {
  using base::Code;
  switch (code) {
    case Code::kOk: return kOk;
    case Code::kNotFound: return 404;
    case Code::kUnimplemented: return 501;
    case Code::kUnavailable: return 503;
    case Code::kUnknown:
    case Code::kInternal:
    case Code::kDataLoss: return 500;
    case Code::kDeadlineExceeded: return 504;
    case Code::kResourceExhausted: return 429;
    case Code::kPermissionDenied: return 403;
    case Code::kUnauthenticated: return 401;
    case Code::kAborted: return 409;
    case Code::kCancelled:
    case Code::kInvalidArgument:
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kOutOfRange: return kBadRequest;
  }
  std::unreachable();
}

}  // namespace penstock::rest
