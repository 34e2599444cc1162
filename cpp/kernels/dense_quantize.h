// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// How a row of floats without a static scale becomes bytes. Defined out of line and once, so that
// every instruction set computes the same.
namespace penstock::kernels {

// A smaller scale has no finite inverse: it counts as 1, and a row of zeros has such a one.
inline constexpr float kRowScaleMin = 0x1p-126F;

struct RowScale {
  float scale = 0;
  float inverse = 0;  // 1 / scale
  std::int32_t zero_point = 0;
};

// Of u8, from the least and the greatest of zero and the row's values that are not NaN.
RowScale row_scale(float least, float greatest);

// Of s8, from the greatest magnitude; the zero point is 0.
RowScale symmetric_row_scale(float greatest);

}  // namespace penstock::kernels
