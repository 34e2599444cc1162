// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "harness.h"
#include "kernels/activation.h"

namespace penstock::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// How many floats lie between two of the same sign.
std::int64_t ulps(float a, double truth) {
  const auto b = static_cast<float>(truth);
  return std::abs(std::int64_t{std::bit_cast<std::int32_t>(a)} - std::bit_cast<std::int32_t>(b));
}

TEST(kernels_activation, sigmoid_and_tanh_are_within_four_ulp) {
  std::int64_t sigmoid_worst = 0;
  std::int64_t tanh_worst = 0;
  for (std::int32_t bits = std::bit_cast<std::int32_t>(1e-30F);
       bits < std::bit_cast<std::int32_t>(87.0F); bits += 997) {
    for (const float x : {std::bit_cast<float>(bits), -std::bit_cast<float>(bits)}) {
      const double exact = x;
      sigmoid_worst = std::max(sigmoid_worst, ulps(activated(x, {.function = Function::kSigmoid}),
                                                   1 / (1 + std::exp(-exact))));
      tanh_worst =
          std::max(tanh_worst, ulps(activated(x, {.function = Function::kTanh}), std::tanh(exact)));
    }
  }
  EXPECT_LE(sigmoid_worst, 4);
  EXPECT_LE(tanh_worst, 4);
}

TEST(kernels_activation, ends_and_nan_are_defined) {
  const Activation sigmoid = {.function = Function::kSigmoid, .alpha = 2};
  EXPECT_EQ(activated(0, sigmoid), 0.5F);
  EXPECT_EQ(activated(kInfinity, sigmoid), 1.0F);
  EXPECT_LT(activated(-kInfinity, sigmoid), 1.4e-38F);
  EXPECT_EQ(activated(0.75F, sigmoid), activated(1.5F, {.function = Function::kSigmoid}));
  const Activation tanh = {.function = Function::kTanh};
  EXPECT_EQ(activated(kInfinity, tanh), 1.0F);
  EXPECT_EQ(activated(-kInfinity, tanh), -1.0F);
  const Activation leaky = {.function = Function::kLeakyRelu, .alpha = 0.25F};
  EXPECT_EQ(activated(-4, leaky), -1.0F);
  EXPECT_EQ(activated(4, leaky), 4.0F);
  const Activation clip = {.function = Function::kClip, .alpha = -1, .beta = kInfinity};
  EXPECT_EQ(activated(-4, clip), -1.0F);
  EXPECT_EQ(activated(4, clip), 4.0F);
  EXPECT_EQ(activated(-4, {.function = Function::kRelu}), 0.0F);
  for (const Function function : {Function::kIdentity, Function::kRelu, Function::kLeakyRelu,
                                  Function::kSigmoid, Function::kTanh, Function::kClip}) {
    EXPECT(std::isnan(activated(kNan, {.function = function, .alpha = 1, .beta = 1})));
  }
}

}  // namespace
}  // namespace penstock::kernels
