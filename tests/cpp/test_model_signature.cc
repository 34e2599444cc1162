// SPDX-License-Identifier: Apache-2.0
#include "harness.h"
#include "model/signature.h"

namespace penstock::model {
namespace {

using base::DType;
using Dims = std::vector<std::int64_t>;

GraphTensor graph_tensor(std::string name, Dims dims, DType dtype = DType::kFp32) {
  return {.name = std::move(name), .dtype = dtype, .dims = std::move(dims)};
}

// x [-1,4] -> y [-1,2]
GraphSignature rows_graph() {
  return {.inputs = {graph_tensor("x", {-1, 4})}, .outputs = {graph_tensor("y", {-1, 2})}};
}

std::string refusal(const ConfigSignature& config, const GraphSignature& graph) {
  const auto signature = complete_signature(config, graph);
  if (signature) return "it was taken";
  EXPECT_EQ(signature.error().code, base::Code::kInvalidArgument);
  return signature.error().why;
}

// The values of a signature that is taken; none of them outlive their signature by reference.
std::int64_t rows_of(const GraphSignature& graph, const ConfigSignature& config = {},
                     std::int64_t batch_rows_default = kBatchRowsDefault) {
  const auto signature = complete_signature(config, graph, batch_rows_default);
  return signature ? signature->batch_rows_max : -1;
}

Dims input_dims_of(const GraphSignature& graph, const ConfigSignature& config) {
  const auto signature = complete_signature(config, graph);
  return signature ? signature->inputs.at(0).dims : Dims{-99};
}

TEST(model_signature, a_graph_of_variable_first_dimensions_batches_by_itself) {
  const auto signature = complete_signature({}, rows_graph());
  REQUIRE(signature.has_value());
  const base::Signature wanted{.inputs = {{.name = "x", .dims = {4}}},
                               .outputs = {{.name = "y", .dims = {2}}},
                               .batch_rows_max = kBatchRowsDefault};
  EXPECT(*signature == wanted);
  EXPECT_EQ(rows_of(rows_graph(), {}, 7), 7);
}

TEST(model_signature, a_graph_with_one_fixed_first_dimension_does_not_batch_by_itself) {
  GraphSignature graph = rows_graph();
  graph.outputs[0].dims = Dims{1, 2};
  const auto signature = complete_signature({}, graph);
  REQUIRE(signature.has_value());
  EXPECT_EQ(signature->batch_rows_max, 0);
  EXPECT_EQ(signature->inputs[0].dims, (Dims{-1, 4}));
  graph.outputs[0].dims = Dims{};
  EXPECT_EQ(rows_of(graph), 0);
}

TEST(model_signature, a_dimension_that_stands_twice_is_not_the_batch) {
  GraphSignature graph = rows_graph();
  graph.inputs[0].dims = Dims{-1, -1};
  graph.inputs[0].symbols = {"n", "n"};
  EXPECT_EQ(rows_of(graph), 0);
  graph.inputs[0].symbols = {"n", "m"};
  EXPECT_EQ(rows_of(graph), kBatchRowsDefault);
}

TEST(model_signature, max_batch_size_zero_turns_batching_off) {
  const auto signature = complete_signature({.batch_rows_max = 0}, rows_graph());
  REQUIRE(signature.has_value());
  EXPECT_EQ(signature->batch_rows_max, 0);
  EXPECT_EQ(signature->inputs[0].dims, (Dims{-1, 4}));
}

TEST(model_signature, dims_leave_the_batch_out_when_the_model_batches) {
  const auto signature =
      complete_signature({.inputs = {{.name = "x", .dtype = DType::kFp32, .dims = {4}}},
                          .outputs = {{.name = "y", .dims = {2}}},
                          .batch_rows_max = 8},
                         rows_graph());
  REQUIRE(signature.has_value());
  EXPECT_EQ(signature->batch_rows_max, 8);
  EXPECT_EQ(signature->inputs[0].dims, Dims{4});
}

TEST(model_signature, listed_dims_without_max_batch_size_are_whole) {
  const ConfigSignature config{.inputs = {{.name = "x", .dims = {-1, 4}}},
                               .outputs = {{.name = "y", .dims = {-1, 2}}}};
  const auto signature = complete_signature(config, rows_graph());
  REQUIRE(signature.has_value());
  EXPECT_EQ(signature->batch_rows_max, 0);
}

TEST(model_signature, whole_dims_beside_max_batch_size_are_refused_with_the_mend) {
  const std::string why =
      refusal({.inputs = {{.name = "x", .dims = {-1, 4}}}, .batch_rows_max = 8}, rows_graph());
  EXPECT_EQ(why,
            "input 'x': the config's dims [-1,4] with max_batch_size 8 stand for the shape "
            "[-1,-1,4] (dims leave the batch dimension out), but the model has [-1,4]; write dims: "
            "[4]");
}

TEST(model_signature, row_dims_without_max_batch_size_are_refused_with_both_mends) {
  const std::string why = refusal({.inputs = {{.name = "x", .dims = {4}}}}, rows_graph());
  EXPECT_EQ(why,
            "input 'x': the config's dims [4] without max_batch_size are the whole shape, but the "
            "model has [-1,4]; write dims: [-1,4], or set max_batch_size to at least 1");
}

TEST(model_signature, max_batch_size_needs_a_variable_first_dimension) {
  GraphSignature graph = rows_graph();
  graph.inputs[0].dims = Dims{3, 4};
  EXPECT_CONTAINS(refusal({.batch_rows_max = 8}, graph),
                  "input 'x' has shape [3,4] in the model, but max_batch_size 8 needs a variable "
                  "first dimension (-1)");
  graph.inputs[0].dims = Dims{};
  EXPECT_CONTAINS(refusal({.batch_rows_max = 8}, graph), "no batch dimension");
  graph.inputs[0].dims = Dims{1, 4};
  EXPECT_CONTAINS(refusal({.batch_rows_max = 8}, graph), "[1,4]");
  EXPECT_EQ(input_dims_of(graph, {.batch_rows_max = 1}), Dims{4});
}

TEST(model_signature, a_config_may_narrow_what_the_graph_leaves_open_but_never_widen) {
  GraphSignature graph = rows_graph();
  graph.inputs[0].dims = Dims{-1, -1};
  const ConfigSignature config{.inputs = {{.name = "x", .dims = {4}}}, .batch_rows_max = 8};
  EXPECT_EQ(input_dims_of(graph, config), Dims{4});
  EXPECT_CONTAINS(
      refusal({.inputs = {{.name = "x", .dims = {-1}}}, .batch_rows_max = 8}, rows_graph()),
      "dims [-1]");
}

TEST(model_signature, dims_not_given_are_the_graphs) {
  const auto signature =
      complete_signature({.inputs = {{.name = "x"}}, .batch_rows_max = 8}, rows_graph());
  REQUIRE(signature.has_value());
  EXPECT_EQ(signature->inputs[0].dims, Dims{4});
  EXPECT_EQ(signature->outputs[0].dims, Dims{2});
  GraphSignature labels = rows_graph();
  labels.outputs[0].dims = Dims{-1};
  const auto one_each = complete_signature({.batch_rows_max = 8}, labels);
  REQUIRE(one_each.has_value());
  EXPECT_EQ(one_each->outputs[0].dims, Dims{});
}

TEST(model_signature, names_that_do_not_match_are_refused_with_those_that_would) {
  EXPECT_CONTAINS(refusal({.inputs = {{.name = "x"}, {.name = "z"}}}, rows_graph()),
                  "input 'z', which the model lacks; its inputs are 'x'");
  EXPECT_CONTAINS(refusal({.outputs = {{.name = "z"}}}, rows_graph()),
                  "output 'z', which the model lacks; its outputs are 'y'");
  GraphSignature graph = rows_graph();
  graph.inputs.push_back(graph_tensor("w", {-1, 1}));
  EXPECT_CONTAINS(refusal({.inputs = {{.name = "x"}}}, graph),
                  "the model needs input 'w', which the config does not list; it lists 'x'");
  EXPECT_CONTAINS(refusal({.inputs = {{.name = "x"}, {.name = "x"}}}, rows_graph()),
                  "input 'x' twice");
  EXPECT_CONTAINS(refusal({.inputs = {{.name = ""}}, .outputs = {}}, rows_graph()), "no name");
}

TEST(model_signature, datatypes_that_differ_are_refused) {
  EXPECT_CONTAINS(refusal({.inputs = {{.name = "x", .dtype = DType::kFp64}}}, rows_graph()),
                  "input 'x': the config says FP64, but the model has FP32");
}

TEST(model_signature, what_cannot_be_served_is_refused) {
  EXPECT_CONTAINS(refusal({.inputs = {{.name = "x", .dims = {2}, .reshape = {{3}}}}}, rows_graph()),
                  "input 'x': dims [2] cannot be reshaped to [3]; both need");
  EXPECT_CONTAINS(refusal({.inputs = {{.name = "x", .dims = {-2}}}}, rows_graph()),
                  "a dimension of -2");
  EXPECT_CONTAINS(refusal({.inputs = {{.name = "x", .dims = Dims(16, 1)}}}, rows_graph()),
                  "16 dimensions");
  EXPECT_CONTAINS(refusal({.batch_rows_max = -1}, rows_graph()), "max_batch_size -1 is negative");
  EXPECT_CONTAINS(refusal({.inputs = {{.name = "x", .is_optional = true}}}, rows_graph()),
                  "no default");
}

TEST(model_signature, a_reshaped_tensor_is_held_against_the_graph_by_its_reshape) {
  const auto one = complete_signature(
      {.inputs = {{.name = "x", .dims = {2, 2}, .reshape = {{4}}}}, .batch_rows_max = 4},
      {.inputs = {{.name = "x", .dtype = DType::kFp32, .dims = {{-1, 4}}}}}, 64);
  REQUIRE(one.has_value());
  EXPECT(one->inputs[0].dims == Dims{4});
  EXPECT_EQ(
      refusal({.inputs = {{.name = "x", .dims = {2, 2}, .reshape = {{4}}}}, .batch_rows_max = 4},
              {.inputs = {{.name = "x", .dtype = DType::kFp32, .dims = {{-1, 5}}}}}),
      "input 'x': the config's reshaped dims [4] with max_batch_size 4 stand for the shape [-1,4] "
      "(reshaped dims leave the batch dimension out), but the model has [-1,5]; write reshaped "
      "dims: [5]");
}

TEST(model_signature, an_output_that_is_no_tensor_is_served_around) {
  GraphSignature graph = rows_graph();
  graph.outputs.push_back({.name = "maps", .kind = "a sequence"});
  EXPECT_CONTAINS(refusal({.batch_rows_max = 8}, graph),
                  "output 'maps' of the model is a sequence");
  const ConfigSignature config{.outputs = {{.name = "y"}}, .batch_rows_max = 8};
  const auto signature = complete_signature(config, graph);
  REQUIRE(signature.has_value());
  EXPECT_EQ(signature->outputs.size(), 1);
}

std::string declared_refusal(const ConfigSignature& config) {
  const auto signature = declared_signature(config);
  return signature ? "it was taken" : signature.error().why;
}

TEST(model_signature, a_declared_signature_is_the_configs) {
  const ConfigTensor x{.name = "x", .dtype = DType::kInt8, .dims = {2}};
  const ConfigTensor y{.name = "y", .dtype = DType::kBytes};
  const auto signature = declared_signature({.inputs = {x}, .outputs = {y}, .batch_rows_max = 3});
  REQUIRE(signature.has_value());
  const base::Signature wanted{.inputs = {{.name = "x", .dtype = DType::kInt8, .dims = {2}}},
                               .outputs = {{.name = "y", .dtype = DType::kBytes, .dims = {}}},
                               .batch_rows_max = 3};
  EXPECT(*signature == wanted);
  EXPECT_CONTAINS(declared_refusal({.outputs = {y}}), "no input");
  EXPECT_CONTAINS(declared_refusal({.inputs = {{.name = "x"}}, .outputs = {y}}),
                  "input 'x' has no data_type");
}

}  // namespace
}  // namespace penstock::model
