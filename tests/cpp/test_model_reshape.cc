// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "harness.h"
#include "model/reshape.h"

namespace penstock::testing {
namespace {

using base::DType;
using Dims = std::vector<std::int64_t>;

base::Signature signature_of(Dims input, Dims output) {
  return {.inputs = {{.name = "x", .dtype = DType::kFp32, .dims = std::move(input)}},
          .outputs = {{.name = "y", .dtype = DType::kFp32, .dims = std::move(output)}},
          .batch_rows_max = 4};
}

model::ConfigSignature config_of(Dims asked, Dims model) {
  return {.inputs = {{.name = "x", .dims = std::move(asked), .reshape = std::move(model)}}};
}

}  // namespace

TEST(model_reshape, dims_can_be_seen_as_others_of_as_many_elements_between_their_variables) {
  EXPECT(model::can_reshape(Dims{1}, Dims{}));
  EXPECT(model::can_reshape(Dims{}, Dims{1, 1}));
  EXPECT(model::can_reshape(Dims{2, 8}, Dims{4, 4}));
  EXPECT(model::can_reshape(Dims{-1}, Dims{-1, 1}));
  EXPECT(model::can_reshape(Dims{2, 3, -1, 4}, Dims{6, -1, 2, 2}));
  EXPECT(!model::can_reshape(Dims{2}, Dims{3}));
  EXPECT(!model::can_reshape(Dims{-1}, Dims{16}));
  EXPECT(!model::can_reshape(Dims{2, -1}, Dims{-1, 2}));
  EXPECT(!model::can_reshape(Dims{-1, -1}, Dims{-1}));
  EXPECT(!model::can_reshape(Dims{std::int64_t{1} << 40, std::int64_t{1} << 40}, Dims{1}));
}

TEST(model_reshape, a_config_without_reshape_gives_nothing) {
  const auto found =
      model::find_reshaping({.inputs = {{.name = "x", .dims = {2}}}}, signature_of({2}, {2}));
  REQUIRE(found.has_value());
  EXPECT(!found->has_value());
}

TEST(model_reshape, requests_see_the_dims_and_the_model_the_reshape) {
  const auto found = model::find_reshaping(config_of({1}, {}), signature_of({}, {3}));
  REQUIRE(found.has_value() && found->has_value());
  EXPECT((*found)->signature.inputs[0].dims == Dims{1});
  EXPECT((*found)->signature.outputs[0].dims == Dims{3});
  REQUIRE((*found)->inputs[0].has_value());
  EXPECT(!(*found)->outputs[0].has_value());
  std::vector<base::Tensor> inputs = {{.dtype = DType::kFp32, .shape = {3, 1}, .bytes = {}}};
  model::reshape_inputs(**found, true, inputs);
  EXPECT(inputs[0].shape == base::Shape({3}));
}

TEST(model_reshape, a_model_of_other_dims_is_refused_with_both) {
  const auto found = model::find_reshaping(config_of({1}, {}), signature_of({5}, {3}));
  REQUIRE(!found.has_value());
  EXPECT_EQ(found.error().why,
            "input 'x': the config reshapes dims [1] to [], but the model has [5]; write reshape: "
            "{ shape: [5] }");
}

TEST(model_reshape, variable_sizes_go_over_in_order) {
  const Dims asked = {-1, 6, -1};
  const Dims model = {-1, 2, 3, -1, 1};
  const auto there = model::reshaped({4, 7, 6, 9}, asked, model, true);
  REQUIRE(there.has_value());
  EXPECT(*there == base::Shape({4, 7, 2, 3, 9, 1}));
  EXPECT(model::reshaped(*there, model, asked, true).value() == base::Shape({4, 7, 6, 9}));
  EXPECT(model::reshaped({7, 6, 9}, asked, model, false).value() == base::Shape({7, 2, 3, 9, 1}));
}

TEST(model_reshape, an_output_of_other_dims_than_declared_is_named_with_its_shape) {
  model::Reshaping reshaping{.signature = signature_of({2}, {4}),
                             .inputs = {std::nullopt},
                             .outputs = {model::Reshape{.asked = {4}, .model = {2, 2}}}};
  std::vector<base::Tensor> outputs = {{.dtype = DType::kFp32, .shape = {1, 2, 3}, .bytes = {}}};
  const auto done = model::reshape_outputs(reshaping, true, outputs);
  REQUIRE(!done.has_value());
  EXPECT_EQ(done.error().why,
            "output 'y' came back with shape [1,2,3], where the model's dims are [2,2] behind the "
            "batch dimension");
  outputs[0].shape = {1, 2, 2};
  REQUIRE(model::reshape_outputs(reshaping, true, outputs).has_value());
  EXPECT(outputs[0].shape == base::Shape({1, 4}));
}

}  // namespace penstock::testing
