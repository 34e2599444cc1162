// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock::routing {

// The header that sends one request to an arm of its choice, for tests in production and for
// support:
//
//   penstock-arm: ARM;EXPIRES;SIGNATURE
//
// EXPIRES: seconds since 1970, UTC. SIGNATURE: lower-case hexadecimal HMAC-SHA256 of
// "ROUTE\nARM\nEXPIRES" under a secret of the route's.
inline constexpr std::string_view kForcedArmHeader = "penstock-arm";
// A header that is valid for longer was signed by mistake.
inline constexpr std::int64_t kForcedSecondsMax = 7 * 24 * 3600;

// The arm's name, a view of `header`. kPermissionDenied, in a sentence that tells nothing of the
// secrets, for what is malformed, expired, valid for too long or signed by none of `keys`.
// Takes the same time whichever byte of a signature is wrong.
base::Result<std::string_view> read_forced_arm(std::string_view header, std::string_view route,
                                               std::span<const std::string> keys,
                                               std::int64_t now_s);

}  // namespace penstock::routing
