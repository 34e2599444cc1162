// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <array>

namespace penstock::base {

std::string_view name_of(Code code) {
  static constexpr std::array<std::string_view, 17> kNames = {
      "OK",
      "CANCELLED",
      "UNKNOWN",
      "INVALID_ARGUMENT",
      "DEADLINE_EXCEEDED",
      "NOT_FOUND",
      "ALREADY_EXISTS",
      "PERMISSION_DENIED",
      "RESOURCE_EXHAUSTED",
      "FAILED_PRECONDITION",
      "ABORTED",
      "OUT_OF_RANGE",
      "UNIMPLEMENTED",
      "INTERNAL",
      "UNAVAILABLE",
      "DATA_LOSS",
      "UNAUTHENTICATED",
  };
  return kNames[static_cast<std::size_t>(code)];
}

Code failure_code(std::int64_t number) {
  if (number <= 0 || number > static_cast<std::int64_t>(Code::kUnauthenticated)) {
    return Code::kInternal;
  }
  return static_cast<Code>(number);
}

}  // namespace penstock::base
