// SPDX-License-Identifier: Apache-2.0
#include "harness.h"
#include "model/identity_executor.h"
#include "model_fixtures.h"

namespace penstock::model {
namespace {

using base::DType;

const ConfigTensor kX{.name = "x", .dtype = DType::kFp32, .dims = {16}};
const ConfigTensor kY{.name = "y", .dtype = DType::kFp32, .dims = {16}};
const ConfigTensor kText{.name = "text", .dtype = DType::kBytes, .dims = {-1}};
const ConfigTensor kEcho{.name = "echo", .dtype = DType::kBytes, .dims = {-1}};

std::string refusal(const ConfigSignature& config) {
  const auto executor = IdentityExecutor::make(config);
  return executor ? "it was taken" : executor.error().why;
}

TEST(model_identity_executor, gives_its_inputs_back_without_copying) {
  const auto executor =
      IdentityExecutor::make({.inputs = {kX, kText}, .outputs = {kY, kEcho}, .batch_rows_max = 8});
  REQUIRE(executor.has_value());
  const std::vector<base::Tensor> inputs = {testing::floats({1, 2}, {1, 2}),
                                            testing::strings({1, 1}, {"hello"})};
  const auto outputs = testing::run_batch(**executor, 1, inputs);
  REQUIRE(outputs.has_value());
  REQUIRE(outputs->size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT((*outputs)[i].bytes.bytes.data() == inputs[i].bytes.bytes.data());
    EXPECT((*outputs)[i].bytes.owner.data() == inputs[i].bytes.owner.data());
    EXPECT_EQ((*outputs)[i].shape, inputs[i].shape);
    EXPECT_EQ((*outputs)[i].dtype, inputs[i].dtype);
  }
}

TEST(model_identity_executor, runs_anywhere_and_gains_nothing_from_batches) {
  const auto executor = IdentityExecutor::make({.inputs = {kX}, .outputs = {kY}});
  REQUIRE(executor.has_value());
  const ExecutorTraits traits = (*executor)->traits();
  EXPECT(traits.is_native && traits.is_thread_safe && traits.takes_unaligned);
  EXPECT(!traits.gains_from_batching);
  EXPECT_EQ((*executor)->signature().batch_rows_max, 0);
}

TEST(model_identity_executor, refuses_inputs_and_outputs_that_do_not_pair) {
  EXPECT_CONTAINS(refusal({.inputs = {kX, kText}, .outputs = {kY}}), "2 inputs and 1 outputs");
  EXPECT_CONTAINS(refusal({.inputs = {kX}, .outputs = {kEcho}}),
                  "output 'echo' (BYTES [-1]) differs from input 'x' (FP32 [16])");
  EXPECT_CONTAINS(refusal({.inputs = {kX, kText}, .outputs = {kEcho, kY}}), "'echo'");
  EXPECT_CONTAINS(refusal({.outputs = {kY}}), "no input");
}

}  // namespace
}  // namespace penstock::model
