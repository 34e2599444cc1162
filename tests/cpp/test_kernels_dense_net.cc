// SPDX-License-Identifier: Apache-2.0
#include "dense_layers.h"
#include "harness.h"

// Layers after one another, rows in blocks, and what is refused.
namespace penstock::kernels {
namespace {

using testing::Dice;
using testing::OwnedLayer;

constexpr Weights kAllWeights[] = {Weights::kFp32, Weights::kBf16, Weights::kS8, Weights::kU4};

OwnedLayer with_static_input(OwnedLayer layer, float scale, std::uint8_t zero_point) {
  layer.layer.input = {.scale = scale, .zero_point = zero_point};
  return layer;
}

void expect_right(const std::vector<OwnedLayer>& layers, const std::vector<float>& x) {
  const std::vector<float> wanted = testing::expected(layers, x);
  Scratch scratch;
  for (const testing::Table& table : testing::tables()) {
    const auto net = testing::packed(layers, *table.kernels);
    REQUIRE(net.has_value());
    EXPECT_EQ(table.name + testing::difference(wanted, testing::given(**net, x, scratch)),
              table.name);
  }
}

TEST(kernels_dense_net, fused_layers_give_the_bits_of_one_layer_after_the_other) {
  for (std::uint32_t seed = 0; seed < 60; seed += testing::kOneTurnIn) {
    Dice dice(seed);
    std::vector<OwnedLayer> layers;
    const std::uint32_t inputs = 1 + dice.below(90);
    std::uint32_t width = inputs;
    for (std::uint32_t depth = 2 + dice.below(3); depth > 0; --depth) {
      const std::uint32_t outputs = 1 + dice.below(140);
      OwnedLayer layer = testing::random_layer(Weights::kS8, width, outputs, dice);
      layer.layer.activation = testing::random_activation(dice);
      const bool has_zero = dice.below(2) == 0;
      layers.push_back(
          with_static_input(std::move(layer), dice.within(0.001F, 0.02F),
                            static_cast<std::uint8_t>(has_zero ? 0 : dice.below(256))));
      width = outputs;
    }
    const std::size_t rows = 1 + dice.below(20);
    expect_right(layers, testing::random_rows(rows * inputs, dice, seed % 4 == 0));
  }
}

TEST(kernels_dense_net, layers_of_all_kinds_follow_each_other) {
  for (std::uint32_t seed = 0; seed < 100; seed += testing::kOneTurnIn) {
    Dice dice(100 + seed);
    std::vector<OwnedLayer> layers;
    std::uint32_t width = 2 * (1 + dice.below(40));
    const std::uint32_t inputs = width;
    for (std::uint32_t depth = 2 + dice.below(4); depth > 0; --depth) {
      const std::uint32_t outputs = 2 * (1 + dice.below(45));
      const Weights weights = kAllWeights[dice.below(4)];
      OwnedLayer layer = testing::random_layer(weights, width, outputs, dice);
      layer.layer.activation = testing::random_activation(dice);
      if (weights == Weights::kS8 && dice.below(2) == 0) {
        layer = with_static_input(std::move(layer), dice.within(0.001F, 0.02F),
                                  static_cast<std::uint8_t>(dice.below(256)));
      }
      layers.push_back(std::move(layer));
      width = outputs;
    }
    const std::size_t rows = 1 + dice.below(20);
    expect_right(layers, testing::random_rows(rows * inputs, dice, false));
  }
}

TEST(kernels_dense_net, values_beyond_every_integer_saturate_between_layers) {
  for (const float weight_scale : {1e4F, 1e30F, 3e38F}) {
    Dice dice(5);
    OwnedLayer first = testing::random_layer(Weights::kS8, 64, 64, dice);
    first.scale.assign(64, weight_scale);
    OwnedLayer second = testing::random_layer(Weights::kS8, 64, 64, dice);
    expect_right({with_static_input(first, 0.01F, 128), with_static_input(second, 1e-3F, 9)},
                 testing::random_rows(64 * 7, dice, false));
  }
}

TEST(kernels_dense_net, a_row_is_the_same_among_any_number_of_rows) {
  Dice dice(11);
  std::vector<OwnedLayer> layers;
  for (const Weights weights : kAllWeights) {
    layers.push_back(testing::random_layer(weights, 66, 66, dice));
  }
  layers.push_back(with_static_input(testing::random_layer(Weights::kS8, 66, 5, dice), 0.01F, 3));
  const std::vector<float> x = testing::random_rows(700 * 66, dice, true);
  Scratch scratch;
  for (const testing::Table& table : testing::tables()) {
    const auto net = testing::packed(layers, *table.kernels);
    REQUIRE(net.has_value());
    const std::vector<float> together = testing::given(**net, x, scratch);
    std::vector<float> alone;
    for (auto row = x.begin(); row != x.end(); row += 66) {
      for (const float y : testing::given(**net, {row, row + 66}, scratch)) alone.push_back(y);
    }
    EXPECT_EQ(testing::difference(alone, together), "");
  }
}

TEST(kernels_dense_net, rows_may_lie_apart_and_nothing_beyond_them_is_touched) {
  constexpr std::size_t kRows = 9;
  for (const Weights weights : kAllWeights) {
    Dice dice(12);
    const OwnedLayer layer = testing::random_layer(weights, 34, 21, dice);
    const std::vector<float> x = testing::random_rows(kRows * 34, dice, false);
    std::vector<float> apart(kRows * 40, std::numeric_limits<float>::quiet_NaN());
    for (std::size_t row = 0; row < kRows; ++row) {
      std::copy_n(&x[row * 34], 34, &apart[row * 40]);
    }
    Scratch scratch;
    for (const testing::Table& table : testing::tables()) {
      const auto net = testing::packed({layer}, *table.kernels);
      REQUIRE(net.has_value());
      const std::vector<float> wanted = testing::given(**net, x, scratch);
      std::vector<float> y(kRows * 25, -7);
      (*net)->run(apart.data(), 40, kRows, y.data(), 25, scratch);
      for (std::size_t i = 0; i < y.size(); ++i) {
        EXPECT_EQ(y[i], i % 25 < 21 ? wanted[i / 25 * 21 + i % 25] : -7);
      }
    }
  }
}

TEST(kernels_dense_net, a_second_run_of_as_many_rows_allocates_nothing) {
  Dice dice(13);
  const std::vector<OwnedLayer> layers = {testing::random_layer(Weights::kU4, 64, 64, dice),
                                          testing::random_layer(Weights::kS8, 64, 3, dice)};
  const auto net = testing::packed(layers, *testing::tables().front().kernels);
  REQUIRE(net.has_value());
  Scratch scratch;
  testing::given(**net, std::vector<float>(5000 * 64), scratch);
  const std::size_t held = scratch.bytes();
  testing::given(**net, std::vector<float>(5000 * 64), scratch);
  EXPECT_EQ(scratch.bytes(), held);
  // Rows go in blocks: what a run needs does not grow with them.
  EXPECT_LT(held, 1'000'000);
}

// --- refusals -----------------------------------------------------------------------------------

std::string refusal(const std::vector<DenseLayer>& layers) {
  const auto net = DenseNet::pack(layers, Isa::kScalar);
  return net.has_value() ? "" : net.error().why;
}

struct Refused {
  const char* why;
  Weights weights;
  void (*spoil)(OwnedLayer&);
};

const Refused kRefused[] = {
    {"Dense layer 0 has no inputs or no outputs.", Weights::kFp32,
     [](OwnedLayer& made) { made.layer.outputs = 0; }},
    {"Dense layer 0 has 127 bytes of weights: wanted 128 for 8 inputs and 4 outputs.",
     Weights::kFp32, [](OwnedLayer& made) { made.weight.pop_back(); }},
    {"Dense layer 0 has 3 biases: wanted 4.", Weights::kFp32,
     [](OwnedLayer& made) { made.bias.assign(3, 0); }},
    {"Dense layer 0 has 5 scales: wanted 4.", Weights::kS8,
     [](OwnedLayer& made) { made.scale.push_back(1); }},
    {"Dense layer 0 has 1 scales: wanted 0.", Weights::kBf16,
     [](OwnedLayer& made) { made.scale.push_back(1); }},
    {"Dense layer 0 has groups of 48 inputs: wanted a multiple of 32.", Weights::kU4,
     [](OwnedLayer& made) { made.layer.group = 48; }},
    {"Dense layer 0 has groups of 0 inputs: wanted a multiple of 32.", Weights::kU4,
     [](OwnedLayer& made) { made.layer.group = 0; }},
    {"Dense layer 0 has 7 inputs: 4-bit weights take an even number of them.", Weights::kU4,
     [](OwnedLayer& made) { made.layer.inputs = 7; }},
    {"Dense layer 0 has 65537 inputs: integer weights take at most 65536, beyond which 32-bit sums "
     "could overflow.",
     Weights::kS8, [](OwnedLayer& made) { made.layer.inputs = 65537; }},
    {"Dense layer 0 has a weight of -128: int8 weights lie within -127..127.", Weights::kS8,
     [](OwnedLayer& made) { made.weight[9] = std::byte{0x80}; }},
    {"Dense layer 0 has a weight that is infinite or not a number.", Weights::kFp32,
     [](OwnedLayer& made) {
       made.weight[6] = std::byte{0x80};
       made.weight[7] = std::byte{0x7f};
     }},
    {"Dense layer 0 has a weight that is infinite or not a number.", Weights::kBf16,
     [](OwnedLayer& made) {
       made.weight[2] = std::byte{0xc1};
       made.weight[3] = std::byte{0xff};
     }},
    {"Dense layer 0 has a scale that is infinite or not a number.", Weights::kS8,
     [](OwnedLayer& made) { made.scale[3] = std::numeric_limits<float>::infinity(); }},
    {"Dense layer 0 has a bias that is infinite or not a number.", Weights::kS8,
     [](OwnedLayer& made) { made.bias.assign(4, std::numeric_limits<float>::quiet_NaN()); }},
    {"Dense layer 0 has an activation whose parameter is not a number.", Weights::kS8,
     [](OwnedLayer& made) {
       made.layer.activation = {.function = Function::kClip,
                                .beta = std::numeric_limits<float>::quiet_NaN()};
     }},
    {"Dense layer 0 has a static input, which only int8 weights have.", Weights::kU4,
     [](OwnedLayer& made) { made.layer.input = {.scale = 1, .zero_point = 0}; }},
    {"Dense layer 0 has an input scale of 0.000000: wanted a finite one of at least 2^-126.",
     Weights::kS8, [](OwnedLayer& made) { made.layer.input = {.scale = 0, .zero_point = 0}; }},
    {"Dense layer 0 has an input scale of inf: wanted a finite one of at least 2^-126.",
     Weights::kS8,
     [](OwnedLayer& made) {
       made.layer.input = {.scale = std::numeric_limits<float>::infinity(), .zero_point = 0};
     }},
};

TEST(kernels_dense_net, what_cannot_be_a_layer_is_refused_in_a_sentence) {
  for (const Refused& refused : kRefused) {
    Dice dice(14);
    OwnedLayer layer = testing::random_layer(refused.weights, 8, 4, dice);
    EXPECT_EQ(refusal({layer.view()}), "");
    refused.spoil(layer);
    EXPECT_EQ(refusal({layer.view()}), refused.why);
  }
  EXPECT_EQ(refusal({}), "A dense net has no layer.");
  Dice dice(15);
  const OwnedLayer first = testing::random_layer(Weights::kS8, 8, 4, dice);
  const OwnedLayer second = testing::random_layer(Weights::kS8, 5, 4, dice);
  EXPECT_EQ(refusal({first.view(), second.view()}),
            "Dense layer 1 has 5 inputs, and the layer before it 4 outputs.");
}

}  // namespace
}  // namespace penstock::kernels
