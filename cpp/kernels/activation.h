// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace penstock::kernels {

// Functions of one element that a dense layer applies to what it has summed.
enum class Function : std::uint8_t {
  kIdentity,
  kRelu,       // 0 > x ? 0 : x
  kLeakyRelu,  // x < 0 ? alpha * x : x
  kSigmoid,    // 1 / (1 + e^(-alpha * x)); alpha 0 stands for 1
  kTanh,
  kClip,  // alpha > x ? alpha : x, and then beta < x ? beta : x
};

struct Activation {
  Function function = Function::kIdentity;
  float alpha = 0;
  float beta = 0;

  friend bool operator==(const Activation&, const Activation&) = default;
};

// The definition, bit for bit, of what every instruction set computes: each line is one operation
// in float32, products and sums only ever by fma. NaN stays NaN. Sigmoid and tanh are within 4 ulp
// of the true values, but for sigmoids below e^-87.25, which are that.
float activated(float x, const Activation& activation);

// e^x for x <= 0, or e^kLowest below that: x = n ln 2 + r, and e^r by a polynomial.
struct ExpConstants {
  static constexpr float kLowest =
      -87.25F;  // above ln(2^-126): nothing becomes denormal, which is slow
  static constexpr float kLog2E = 1.442695F;
  static constexpr float kLn2High = 0.69314575F;  // of 16 bits: its product with n is exact
  static constexpr float kLn2Low = 1.4286068e-06F;
  // e^r = 1 + r + r^2 (c2 + r (c3 + ...)), relative error 3e-9 before rounding
  static constexpr float kC2 = 0.49999994F;
  static constexpr float kC3 = 0.16666521F;
  static constexpr float kC4 = 0.04166839F;
  static constexpr float kC5 = 0.0083687175F;
  static constexpr float kC6 = 0.0013814596F;
};

// tanh x = x + x^3 (c3 + x^2 (c5 + ...)) below kPolynomial, else by e^(-2|x|).
struct TanhConstants {
  static constexpr float kPolynomial = 0.625F;
  static constexpr float kC3 = -0.3333328F;
  static constexpr float kC5 = 0.13331442F;
  static constexpr float kC7 = -0.053739715F;
  static constexpr float kC9 = 0.020639086F;
  static constexpr float kC11 = -0.0057049845F;
};

}  // namespace penstock::kernels
