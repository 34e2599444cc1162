// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>

#include "base/check.h"
#include "model/native_step.h"

namespace penstock::model {
namespace {

using artifact::Function;

double polynomial(double x, std::span<const double> coefficients) {
  double value = 0;
  for (const double coefficient : coefficients) value = value * x + coefficient;
  return value;
}

// The quantile of the standard normal distribution. A rational function near it (after P. J.
// Acklam, whose error is below 1.2e-9 of the value), made exact by one step of Halley's.
double probit(double p) {
  constexpr std::array kA = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                             1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr std::array kB = {-5.447609879822406e+01, 1.615858368580409e+02,  -1.556989798598866e+02,
                             6.680131188771972e+01,  -1.328068155288572e+01, 1.0};
  constexpr std::array kC = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                             -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr std::array kD = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                             3.754408661907416e+00, 1.0};
  constexpr double kTail = 0.02425;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!(p > 0)) return p == 0 ? -kInfinity : std::numeric_limits<double>::quiet_NaN();
  if (!(p < 1)) return p == 1 ? kInfinity : std::numeric_limits<double>::quiet_NaN();
  double x = 0;
  if (p >= kTail && p <= 1 - kTail) {
    const double q = p - 0.5;
    const double r = q * q;
    x = q * polynomial(r, kA) / polynomial(r, kB);
  } else {
    const double q = std::sqrt(-2 * std::log(std::min(p, 1 - p)));
    x = polynomial(q, kC) / polynomial(q, kD);
    if (p > 0.5) x = -x;
  }
  const double error = 0.5 * std::erfc(-x / std::numbers::sqrt2) - p;
  const double step = error * std::sqrt(2 * std::numbers::pi) * std::exp(x * x / 2);
  return x - step / (1 + x * step / 2);
}

template <class T>
class Elementwise {
 public:
  explicit Elementwise(const artifact::Activation& what)
      : function_(what.function), alpha_(what.alpha), beta_(what.beta) {
    if (function_ == Function::kSigmoid && alpha_ == 0) alpha_ = 1;
  }

  void run(std::span<const T> in, T* out) const {
    switch (function_) {
      case Function::kIdentity: return each(in, out, [](T x) { return x; });
      case Function::kRelu: return each(in, out, [](T x) { return x > 0 || x != x ? x : T{0}; });
      case Function::kLeakyRelu: return each(in, out, [&](T x) { return x < 0 ? alpha_ * x : x; });
      case Function::kSigmoid:
        return each(in, out, [&](T x) { return T{1} / (T{1} + std::exp(-alpha_ * x)); });
      case Function::kTanh: return each(in, out, [](T x) { return std::tanh(x); });
      case Function::kClip:
        // As ONNX: where the bounds cross, the upper one wins; NaN stays.
        return each(in, out, [&](T x) {
          const T low = x < alpha_ ? alpha_ : x;
          return low > beta_ ? beta_ : low;
        });
      case Function::kExp: return each(in, out, [](T x) { return std::exp(x); });
      case Function::kLog1pExp:
        return each(in, out,
                    [](T x) { return (x > 0 ? x : T{0}) + std::log1p(std::exp(-std::abs(x))); });
      case Function::kProbit:
        return each(in, out, [](T x) { return static_cast<T>(probit(static_cast<double>(x))); });
      case Function::kSignSquare: return each(in, out, [](T x) { return std::copysign(x * x, x); });
      case Function::kSoftmax:
      case Function::kSoftmaxZero:
      case Function::kOverSum: break;
    }
    PENSTOCK_CHECK(!"a function of a whole row");
  }

 private:
  template <class Do>
  static void each(std::span<const T> in, T* out, Do&& work) {
    for (const T x : in) *out++ = work(x);
  }

  Function function_;
  T alpha_;
  T beta_;
};

template <class T>
void softmax(std::span<const T> in, T* out, bool keeps_zeros) {
  // What counts as zero to ONNX's SOFTMAX_ZERO.
  constexpr T kZero = static_cast<T>(1e-7);
  const T most = *std::ranges::max_element(in);
  T sum = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const bool is_kept = keeps_zeros && std::abs(in[i]) <= kZero;
    out[i] = is_kept ? T{0} : std::exp(in[i] - most);
    sum += out[i];
  }
  if (sum == 0) return;  // all of them are zeros that are kept
  for (std::size_t i = 0; i < in.size(); ++i) out[i] /= sum;
}

template <class T>
class ActivationStep final : public NativeStep {
 public:
  ActivationStep(const Artifact& artifact, const artifact::Step& step,
                 const artifact::Activation& what)
      : reads_(step.reads[0]),
        writes_(step.writes),
        width_(artifact.values[writes_].width),
        function_(what.function),
        elementwise_(what) {}

  void run(const StepFrame& frame, std::size_t rows) const override {
    const T* in = frame.read<T>(reads_);
    T* out = frame.write<T>(writes_);
    switch (function_) {
      case Function::kSoftmax:
      case Function::kSoftmaxZero:
        for (; rows > 0; --rows, in += width_, out += width_) {
          softmax<T>({in, width_}, out, function_ == Function::kSoftmaxZero);
        }
        return;
      case Function::kOverSum:
        for (; rows > 0; --rows, in += width_, out += width_) over_sum(in, out);
        return;
      default: elementwise_.run({in, rows * width_}, out);
    }
  }

 private:
  void over_sum(const T* in, T* out) const {
    T sum = 0;
    for (std::size_t i = 0; i < width_; ++i) sum += in[i];
    for (std::size_t i = 0; i < width_; ++i) out[i] = in[i] / sum;
  }

  const std::uint32_t reads_;
  const std::uint32_t writes_;
  const std::size_t width_;
  const Function function_;
  const Elementwise<T> elementwise_;
};

}  // namespace

std::unique_ptr<NativeStep> make_activation(const Artifact& artifact, const artifact::Step& step,
                                            const artifact::Activation& activation) {
  if (artifact.values[step.writes].kind == artifact::Kind::kFloat32) {
    return std::make_unique<ActivationStep<float>>(artifact, step, activation);
  }
  return std::make_unique<ActivationStep<double>>(artifact, step, activation);
}

}  // namespace penstock::model
