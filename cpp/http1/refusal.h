// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::http1 {

// What is wrong with a request, and the status it is answered with. A peer reads `why`, so it says
// what was found and what was wanted; none of the peer's own bytes are in it. Constant.
struct Refusal {
  std::uint16_t status = 400;
  std::string_view why;
};

}  // namespace penstock::http1
