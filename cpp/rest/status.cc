// SPDX-License-Identifier: Apache-2.0
#include "rest/status.h"

#include <utility>

#include "base/check.h"

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

std::string_view status_text(int status) {
  switch (status) {
    case 100: return "100";
    case 200: return "200";
    case 400: return "400";
    case 401: return "401";
    case 403: return "403";
    case 404: return "404";
    case 405: return "405";
    case 408: return "408";
    case 409: return "409";
    case 413: return "413";
    case 415: return "415";
    case 429: return "429";
    case 431: return "431";
    case 500: return "500";
    case 501: return "501";
    case 503: return "503";
    case 504: return "504";
    default: break;
  }
  PENSTOCK_CHECK(false);
  return {};
}

}  // namespace penstock::rest
