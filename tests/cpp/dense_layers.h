// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/dense.h"
#include "kernels/dense_reference.h"
#include "kernels/isa/table.h"

// Layers that own their numbers, and what every instruction set makes of them.
namespace penstock::kernels::testing {

// Under a sanitizer everything here takes a hundred times as long: of many turns it takes one in so
// many.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::uint32_t kOneTurnIn = 5;
#else
inline constexpr std::uint32_t kOneTurnIn = 1;
#endif

struct OwnedLayer {
  DenseLayer layer;
  std::vector<std::byte> weight;
  std::vector<float> scale;
  std::vector<float> bias;

  DenseLayer view() const {
    DenseLayer seen = layer;
    seen.weight = weight;
    seen.scale = scale;
    seen.bias = bias;
    return seen;
  }
};

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : engine_(seed) {}

  // Within [0, sides).
  std::uint32_t below(std::uint32_t sides) { return static_cast<std::uint32_t>(engine_() % sides); }
  float within(float low, float high) {
    return low + (high - low) * (static_cast<float>(engine_() % (1U << 24)) / 16777216.0F);
  }

 private:
  std::mt19937 engine_;
};

enum class Extremes { kNone, kHigh, kLow, kMixed };

// Weights at the ends of their range, all alike or one or the other.
inline int extreme_weight(Extremes extremes, Dice& dice, int low, int high) {
  switch (extremes) {
    case Extremes::kHigh: return high;
    case Extremes::kLow: return low;
    case Extremes::kMixed: return dice.below(2) == 0 ? low : high;
    default: return low + static_cast<int>(dice.below(static_cast<std::uint32_t>(high - low + 1)));
  }
}

inline OwnedLayer random_layer(Weights weights, std::uint32_t inputs, std::uint32_t outputs,
                               Dice& dice, Extremes extremes = Extremes::kNone) {
  OwnedLayer made;
  made.layer = {.weights = weights, .inputs = inputs, .outputs = outputs};
  const std::size_t count = std::size_t{inputs} * outputs;
  switch (weights) {
    case Weights::kFp32:
    case Weights::kBf16: {
      const std::size_t width = weights == Weights::kFp32 ? 4 : 2;
      made.weight.resize(count * width);
      for (std::size_t i = 0; i < count; ++i) {
        const float x = dice.within(-1, 1);
        std::memcpy(&made.weight[i * width], reinterpret_cast<const char*>(&x) + 4 - width, width);
      }
      break;
    }
    case Weights::kS8:
      for (std::size_t i = 0; i < count; ++i) {
        made.weight.push_back(static_cast<std::byte>(extreme_weight(extremes, dice, -127, 127)));
      }
      for (std::uint32_t n = 0; n < outputs; ++n) made.scale.push_back(dice.within(1e-3F, 2e-3F));
      break;
    case Weights::kU4: {
      made.layer.group = 32 * (1 + dice.below(3));
      for (std::size_t i = 0; i < count / 2; ++i) {
        const int low = extreme_weight(extremes, dice, 0, 15);
        const int high = extreme_weight(extremes, dice, 0, 15);
        made.weight.push_back(static_cast<std::byte>(low | high << 4));
      }
      const std::uint32_t groups = (inputs + made.layer.group - 1) / made.layer.group;
      for (std::uint32_t i = 0; i < groups * outputs; ++i) {
        made.scale.push_back(dice.within(1e-2F, 3e-2F));
      }
      break;
    }
  }
  if (dice.below(5) != 0) {
    for (std::uint32_t n = 0; n < outputs; ++n) made.bias.push_back(dice.within(-1, 1));
  }
  return made;
}

inline Activation random_activation(Dice& dice) {
  switch (dice.below(7)) {
    case 0: return {.function = Function::kIdentity};
    case 1:
    case 2: return {.function = Function::kRelu};
    case 3: return {.function = Function::kLeakyRelu, .alpha = 0.1F};
    case 4: return {.function = Function::kSigmoid, .alpha = dice.below(2) == 0 ? 0.0F : 1.5F};
    case 5: return {.function = Function::kTanh};
    default: return {.function = Function::kClip, .alpha = -0.5F, .beta = 0.75F};
  }
}

// Rows of moderate numbers, with some that no quantisation holds.
inline std::vector<float> random_rows(std::size_t count, Dice& dice, bool has_hostile) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kHostile[] = {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN(),
                                3e38F,     -3e38F,     1e-41F,
                                -0.0F,     0.0F};
  std::vector<float> x(count);
  for (float& value : x) {
    value = has_hostile && dice.below(40) == 0 ? kHostile[dice.below(8)] : dice.within(-2, 2);
  }
  return x;
}

struct Table {
  std::string name;
  const isa::DenseKernels* kernels;
};

// Those that this machine can run.
inline std::vector<Table> tables() {
  const CpuWords words = read_cpu_words();
  std::vector<Table> found;
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512}) {
    if (isa > best_isa(words)) continue;
    found.push_back({std::string(name_of(isa)), &isa::dense_kernels(isa, false)});
  }
  if (has_avx512_bf16(words)) {
    found.push_back({"avx512 with bf16", &isa::dense_kernels(Isa::kAvx512, true)});
  }
  return found;
}

inline std::vector<float> expected(const std::vector<OwnedLayer>& layers, std::vector<float> x) {
  for (const OwnedLayer& layer : layers) x = dense_reference(layer.view(), x);
  return x;
}

// Bit for bit, but that any NaN equals any other.
inline bool is_same(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

// Where `found` is not `wanted`: "" or a sentence.
inline std::string difference(const std::vector<float>& wanted, const std::vector<float>& found) {
  if (wanted.size() != found.size()) return "sizes differ";
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (is_same(wanted[i], found[i])) continue;
    return "element " + std::to_string(i) + " is " + std::to_string(found[i]) + ", wanted " +
           std::to_string(wanted[i]);
  }
  return "";
}

inline base::Result<std::unique_ptr<DenseNet>> packed(const std::vector<OwnedLayer>& layers,
                                                      const isa::DenseKernels& kernels) {
  std::vector<DenseLayer> views;
  for (const OwnedLayer& layer : layers) views.push_back(layer.view());
  return DenseNet::pack(views, kernels);
}

// What a net gives for rows without gaps.
inline std::vector<float> given(const DenseNet& net, const std::vector<float>& x,
                                Scratch& scratch) {
  const std::size_t rows = x.size() / net.inputs();
  std::vector<float> y(rows * net.outputs());
  net.run(x.data(), net.inputs(), static_cast<std::int64_t>(rows), y.data(), net.outputs(),
          scratch);
  return y;
}

}  // namespace penstock::kernels::testing
