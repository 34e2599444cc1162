// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "model/smoke.h"

namespace penstock::testing {
namespace {

using base::DType;
using model::Smoke;
using model::SmokeTensor;

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::string texts(const std::vector<std::string>& values) {
  std::string bytes;
  for (const std::string& value : values) {
    const auto size = static_cast<std::uint32_t>(value.size());
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
    bytes += value;
  }
  return bytes;
}

// Answers y = x and t = s, each request by itself or all at once, and notes its batches.
class EchoExecutor : public model::Executor {
 public:
  explicit EchoExecutor(std::int64_t rows_max, std::vector<std::int64_t> dims = {2})
      : signature_{.inputs = {{.name = "x", .dtype = DType::kFp32, .dims = dims},
                              {.name = "s", .dtype = DType::kBytes, .dims = {1}}},
                   .outputs = {{.name = "y", .dtype = DType::kFp32, .dims = dims},
                               {.name = "t", .dtype = DType::kBytes, .dims = {1}}},
                   .batch_rows_max = rows_max} {}

  const base::Signature& signature() const override { return signature_; }
  model::ExecutorTraits traits() const override { return {}; }
  base::Result<> run(const model::ExecutorBatch& batch,
                     std::vector<base::Tensor>& outputs) override {
    batches.push_back(batch.rows);
    if (fails) return base::fail(base::Code::kInternal, "it is ill");
    EXPECT_EQ(batch.request_rows.size(), 1);
    for (const base::Tensor& input : batch.inputs) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(input.bytes.bytes.data()) % base::kTensorAlignment,
                0);
    }
    std::vector<base::Tensor> made(batch.inputs.begin(), batch.inputs.end());
    if (forgets) made[1].is_present = false;
    if (by_request) {
      batch.answers->push_back(std::move(made));
    } else {
      outputs = std::move(made);
    }
    return {};
  }

  bool fails = false;
  bool by_request = false;
  bool forgets = false;
  std::vector<std::int64_t> batches;

 private:
  const base::Signature signature_;
};

Smoke smoke() {
  const std::string x = floats({0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  const std::string s = texts({"a", "", "ccc", "d", "e"});
  return {.inputs = {{.name = "s", .dtype = DType::kBytes, .shape = {5, 1}, .bytes = s},
                     {.name = "x", .dtype = DType::kFp32, .shape = {5, 2}, .bytes = x}},
          .expected = {{.name = "y", .dtype = DType::kFp32, .shape = {5, 2}, .bytes = x},
                       {.name = "t", .dtype = DType::kBytes, .shape = {5, 1}, .bytes = s}},
          .tolerance = 0};
}

std::string why(const Smoke& smoke, model::Executor& executor) {
  const auto done = model::run_smoke(smoke, std::nullopt, executor);
  return done ? "" : done.error().why;
}

std::string why(const Smoke& smoke) {
  EchoExecutor executor(8);
  return why(smoke, executor);
}

}  // namespace

TEST(model_smoke, a_model_that_answers_as_expected_passes) {
  EchoExecutor executor(8);
  EXPECT_EQ(why(smoke(), executor), "");
  EXPECT(executor.batches == std::vector<std::int64_t>({5}));
  executor.by_request = true;
  EXPECT_EQ(why(smoke(), executor), "");
  Smoke less = smoke();
  less.expected.pop_back();
  executor.forgets = true;
  EXPECT_EQ(why(less, executor), "");
  EXPECT_EQ(why(smoke(), executor), "smoke request: t is missing");
}

TEST(model_smoke, more_rows_than_a_batch_takes_are_batches_and_places_count_through) {
  EchoExecutor executor(2);
  EXPECT_EQ(why(smoke(), executor), "");
  EXPECT(executor.batches == std::vector<std::int64_t>({2, 2, 1}));
  Smoke wrong = smoke();
  wrong.expected[0].bytes = floats({0, 1, 2, 3, 4, 5, 6, 7, 8, 10});
  EXPECT_EQ(why(wrong, executor), "smoke request: y[4,1] is 9, wanted 10 (tolerance 0)");
  wrong = smoke();
  wrong.expected[1].bytes = texts({"a", "", "ccc", "D", "e"});
  EXPECT_EQ(why(wrong, executor), "smoke request: t[3,0] is 'd', wanted 'D'");
}

TEST(model_smoke, a_model_without_a_batch_dimension_gets_the_whole) {
  Smoke whole{
      .inputs = {{.name = "x", .shape = {2}, .bytes = floats({1, 2})},
                 {.name = "s", .dtype = DType::kBytes, .shape = {1}, .bytes = texts({"a"})}},
      .expected = {{.name = "y", .shape = {2}, .bytes = floats({1, 3})}},
      .tolerance = 0.4};
  EchoExecutor executor(0);
  EXPECT_EQ(why(whole, executor), "");
  EXPECT(executor.batches == std::vector<std::int64_t>({1}));
  whole.tolerance = 0.3;
  EXPECT_EQ(why(whole, executor), "smoke request: y[1] is 2, wanted 3 (tolerance 0.3)");
}

TEST(model_smoke, reshaped_tensors_are_seen_as_requests_see_them) {
  EchoExecutor executor(8, {2, 1});
  model::Reshaping reshaping{.signature = executor.signature(),
                             .inputs = {model::Reshape{.asked = {2}, .model = {2, 1}}, {}},
                             .outputs = {model::Reshape{.asked = {2}, .model = {2, 1}}, {}}};
  reshaping.signature.inputs[0].dims = {2};
  reshaping.signature.outputs[0].dims = {2};
  EXPECT(model::run_smoke(smoke(), reshaping, executor).has_value());
  EXPECT_EQ(why(smoke(), executor),
            "smoke request: input 'x': its dims [2] do not fit the model's [2,1] (both leave the "
            "batch dimension out)");
}

TEST(model_smoke, a_model_that_fails_or_cannot_be_asked_says_why) {
  EchoExecutor executor(8);
  executor.fails = true;
  EXPECT_EQ(why(smoke(), executor), "smoke request: the model fails on it: it is ill");
  Smoke wrong = smoke();
  wrong.inputs.pop_back();
  EXPECT_EQ(why(wrong), "smoke request: input 'x' is missing");
  wrong = smoke();
  wrong.inputs.push_back({.name = "z", .shape = {5, 1}, .bytes = floats({1})});
  EXPECT_EQ(why(wrong), "smoke request: the model has no input 'z'; its inputs are 'x', 's'");
  wrong = smoke();
  wrong.inputs[1].dtype = DType::kInt32;
  EXPECT_EQ(why(wrong), "smoke request: input 'x': it is INT32, but the model wants FP32");
  wrong = smoke();
  wrong.expected[0].name = "z";
  EXPECT_EQ(why(wrong), "smoke request: the model has no output 'z'; its outputs are 'y', 't'");
}

TEST(model_smoke, a_request_that_contradicts_itself_is_refused) {
  Smoke wrong = smoke();
  wrong.inputs[1] = {.name = "x", .shape = {4, 2}, .bytes = floats({0, 1, 2, 3, 4, 5, 6, 7})};
  EXPECT_EQ(why(wrong), "smoke request: input 's' has 5 rows, and another one 4");
  wrong = smoke();
  wrong.expected[0].shape = {2, 5};
  EXPECT_EQ(why(wrong), "smoke request: it expects output 'y' of shape [2,5] for 5 rows");
  wrong = smoke();
  wrong.inputs[1].shape = {};
  EXPECT_EQ(why(wrong),
            "smoke request: input 'x': its shape is []; wanted a first dimension of at least 1, "
            "the rows");
  wrong.inputs[1].shape = {0, 2};
  EXPECT_CONTAINS(why(wrong), "its shape is [0,2]");
  wrong = smoke();
  wrong.inputs[1].bytes.pop_back();
  EXPECT_EQ(why(wrong),
            "smoke request: input 'x': it has 39 bytes, which are not the elements of its shape "
            "[5,2]");
  wrong = smoke();
  wrong.expected[0].shape.assign(base::kRankMax + 1, 1);
  EXPECT_EQ(why(wrong), "smoke request: output 'y': it has 17 dimensions; wanted at most 16");
}

}  // namespace penstock::testing
