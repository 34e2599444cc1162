// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace penstock::drift {

// Why rows that were answered are not counted.
enum class Left : std::uint8_t {
  kFull,      // the ring had no room
  kLarge,     // their request has more than a ring takes of one, and others of its rows are counted
  kReplaced,  // they were under way while another watch took the place of the one they came under
  kUnsampled,  // of requests that are not looked at
};
inline constexpr std::size_t kLeftReasons = 4;

// Rows by Left.
using LeftRows = std::array<std::uint64_t, kLeftReasons>;

}  // namespace penstock::drift
