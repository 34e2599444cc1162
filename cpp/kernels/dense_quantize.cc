// SPDX-License-Identifier: Apache-2.0
#include "kernels/dense_quantize.h"

#include <algorithm>
#include <cmath>

namespace penstock::kernels {

namespace {

float not_tiny(float scale) { return scale < kRowScaleMin ? 1.0F : scale; }

}  // namespace

RowScale row_scale(float least, float greatest) {
  const float scale = not_tiny((greatest - least) / 255.0F);
  const float inverse = 1.0F / scale;
  const float zero_point = std::nearbyint(-least * inverse);
  // Not a number, if the least is infinite.
  if (!(zero_point >= 0)) return {scale, inverse, 0};
  return {scale, inverse, static_cast<std::int32_t>(std::min(zero_point, 255.0F))};
}

RowScale symmetric_row_scale(float greatest) {
  const float scale = not_tiny(greatest / 127.0F);
  return {scale, 1.0F / scale, 0};
}

}  // namespace penstock::kernels
