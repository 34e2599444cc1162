// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace penstock::drift {

// Values of one column are counted so many rows at a time: what a column needs is fetched once for
// all of them.
inline constexpr std::size_t kBlockRows = 64;

// Of a block that is not full the rest is NaN, and nobody counts its places.
struct alignas(64) Block {
  std::array<float, kBlockRows> values;
};
using Places = std::array<std::uint8_t, kBlockRows>;

}  // namespace penstock::drift
