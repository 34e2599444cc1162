// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>

#include "dense_layers.h"
#include "harness.h"

// One layer of every kind on every instruction set, against the reference.
namespace penstock::kernels {
namespace {

using testing::Dice;
using testing::Extremes;
using testing::OwnedLayer;

constexpr std::uint32_t kSizes = 130;

struct Sizes {
  std::uint32_t inputs;
  std::uint32_t outputs;
  std::uint32_t rows;
};

// Each of the three takes every value of 1..130 once; the more weights, the fewer rows.
std::vector<Sizes> all_sizes() {
  std::vector<Sizes> sizes;
  for (std::uint32_t turn = 0; turn < kSizes; ++turn) {
    sizes.push_back({1 + turn, 1 + (turn * 57 + 3) % kSizes, 0});
  }
  std::ranges::sort(sizes, std::greater(), [](const Sizes& s) { return s.inputs * s.outputs; });
  for (std::uint32_t rows = 1; Sizes & some : sizes) some.rows = rows++;
  return sizes;
}

Extremes extremes_of(std::uint32_t turn) { return static_cast<Extremes>(turn / 2 % 4); }

// All tables give for `x` what the reference does.
void expect_right(const OwnedLayer& layer, const std::vector<float>& x, std::uint32_t turn) {
  const std::vector<float> wanted = testing::expected({layer}, x);
  Scratch scratch;
  for (const testing::Table& table : testing::tables()) {
    const auto net = testing::packed({layer}, *table.kernels);
    REQUIRE(net.has_value());
    const std::string wrong = testing::difference(wanted, testing::given(**net, x, scratch));
    if (!wrong.empty()) {
      EXPECT_EQ(table.name + ", turn " + std::to_string(turn) + ": " + wrong, "");
      return;
    }
  }
}

void expect_right_for_all_sizes(Weights weights, bool is_static, std::uint32_t seed) {
  const std::vector<Sizes> all = all_sizes();
  // Where turns are left out, the kinds of weights share the sizes among them.
  for (std::uint32_t turn = seed % testing::kOneTurnIn; turn < kSizes;
       turn += testing::kOneTurnIn) {
    Dice dice(seed + turn);
    Sizes sizes = all[turn];
    if (weights == Weights::kU4) sizes.inputs += sizes.inputs % 2;
    OwnedLayer layer =
        testing::random_layer(weights, sizes.inputs, sizes.outputs, dice, extremes_of(turn));
    layer.layer.activation = testing::random_activation(dice);
    if (is_static) {
      // Scales at which most values saturate, and at which few do.
      layer.layer.input = {.scale = turn % 2 == 0 ? 0.01F : 0.001F,
                           .zero_point = static_cast<std::uint8_t>(dice.below(256))};
    }
    const bool has_hostile = turn % 3 == 0;
    expect_right(layer,
                 testing::random_rows(std::size_t{sizes.inputs} * sizes.rows, dice, has_hostile),
                 turn);
  }
}

TEST(kernels_dense, every_size_is_exact_with_int8_weights_and_a_static_input) {
  expect_right_for_all_sizes(Weights::kS8, true, 1000);
}

TEST(kernels_dense, every_size_is_exact_with_int8_weights_and_a_dynamic_input) {
  expect_right_for_all_sizes(Weights::kS8, false, 2001);
}

TEST(kernels_dense, every_size_is_exact_with_4_bit_weights) {
  expect_right_for_all_sizes(Weights::kU4, false, 3002);
}

TEST(kernels_dense, every_size_is_exact_with_float_weights) {
  expect_right_for_all_sizes(Weights::kFp32, false, 4003);
}

TEST(kernels_dense, every_size_is_exact_with_bfloat16_weights) {
  expect_right_for_all_sizes(Weights::kBf16, false, 5004);
}

TEST(kernels_dense, the_largest_sums_fit) {
  for (const Extremes extremes : {Extremes::kHigh, Extremes::kLow}) {
    for (const std::uint8_t zero_point : {std::uint8_t{0}, std::uint8_t{255}}) {
      Dice dice(7);
      OwnedLayer layer = testing::random_layer(Weights::kS8, kIntegerInputsMax, 1, dice, extremes);
      layer.layer.input = {.scale = 1, .zero_point = zero_point};
      expect_right(layer, std::vector<float>(kIntegerInputsMax, zero_point == 0 ? 1e9F : -1e9F), 0);
    }
  }
  Dice dice(8);
  OwnedLayer layer =
      testing::random_layer(Weights::kU4, kIntegerInputsMax, 1, dice, Extremes::kHigh);
  layer.layer.group = kIntegerInputsMax;
  layer.scale.assign(1, 1);
  expect_right(layer, std::vector<float>(kIntegerInputsMax, 1), 0);
}

TEST(kernels_dense, nan_counts_as_zero_where_inputs_become_integers) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const Weights weights : {Weights::kS8, Weights::kU4}) {
    for (const bool is_static : {false, true}) {
      if (is_static && weights == Weights::kU4) continue;
      Dice dice(9);
      OwnedLayer layer = testing::random_layer(weights, 4, 3, dice);
      if (is_static) layer.layer.input = {.scale = 0.01F, .zero_point = 77};
      Scratch scratch;
      for (const testing::Table& table : testing::tables()) {
        const auto net = testing::packed({layer}, *table.kernels);
        REQUIRE(net.has_value());
        EXPECT_EQ(testing::given(**net, {kNan, 1, 0.5F, kNan}, scratch),
                  testing::given(**net, {0, 1, 0.5F, 0}, scratch));
      }
    }
  }
}

TEST(kernels_dense, an_infinite_input_saturates_a_static_scale_and_is_nan_with_a_dynamic_one) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Dice dice(10);
  OwnedLayer layer = testing::random_layer(Weights::kS8, 2, 1, dice);
  Scratch scratch;
  for (const testing::Table& table : testing::tables()) {
    const auto dynamic = testing::packed({layer}, *table.kernels);
    REQUIRE(dynamic.has_value());
    EXPECT(std::isnan(testing::given(**dynamic, {kInfinity, 1}, scratch)[0]));
    EXPECT(std::isnan(testing::given(**dynamic, {1, -kInfinity}, scratch)[0]));
    OwnedLayer fixed = layer;
    fixed.layer.input = {.scale = 0.1F, .zero_point = 100};
    const auto net = testing::packed({fixed}, *table.kernels);
    REQUIRE(net.has_value());
    EXPECT_EQ(testing::given(**net, {kInfinity, -kInfinity}, scratch),
              testing::given(**net, {15.5F, -10.0F}, scratch));
  }
}

}  // namespace
}  // namespace penstock::kernels
