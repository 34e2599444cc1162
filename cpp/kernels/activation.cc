// SPDX-License-Identifier: Apache-2.0
#include "kernels/activation.h"

#include <bit>
#include <cmath>

namespace penstock::kernels {
namespace {

float exp_of_nonpositive(float x) {
  using E = ExpConstants;
  if (std::isnan(x)) return x;
  const float t = E::kLowest > x ? E::kLowest : x;
  const float n = std::nearbyint(t * E::kLog2E);
  const float r = std::fma(-n, E::kLn2Low, std::fma(-n, E::kLn2High, t));
  float p = std::fma(r, E::kC6, E::kC5);
  p = std::fma(r, p, E::kC4);
  p = std::fma(r, p, E::kC3);
  p = std::fma(r, p, E::kC2);
  p = std::fma(r * r, p, r);
  const float power = std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
  return std::fma(power, p, power);
}

float sigmoid(float x, float slope) {
  const float z = x * (slope == 0 ? 1 : slope);
  const float e = exp_of_nonpositive(-std::fabs(z));
  return (z < 0 ? e : 1) / (1 + e);
}

float tanh(float x) {
  using T = TanhConstants;
  const float a = std::fabs(x);
  if (a < T::kPolynomial) {
    const float s = x * x;
    float p = std::fma(s, T::kC11, T::kC9);
    p = std::fma(s, p, T::kC7);
    p = std::fma(s, p, T::kC5);
    p = std::fma(s, p, T::kC3);
    return std::fma(s * x, p, x);
  }
  const float e = exp_of_nonpositive(-2 * a);
  return std::copysign((1 - e) / (1 + e), x);
}

}  // namespace

float activated(float x, const Activation& activation) {
  switch (activation.function) {
    case Function::kIdentity: return x;
    case Function::kRelu: return 0 > x ? 0 : x;
    case Function::kLeakyRelu: return x < 0 ? activation.alpha * x : x;
    case Function::kSigmoid: return sigmoid(x, activation.alpha);
    case Function::kTanh: return tanh(x);
    case Function::kClip: {
      const float least = activation.alpha > x ? activation.alpha : x;
      return activation.beta < least ? activation.beta : least;
    }
  }
  return x;
}

}  // namespace penstock::kernels
