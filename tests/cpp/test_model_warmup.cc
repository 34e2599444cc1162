// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "harness.h"
#include "model/warmup.h"

namespace penstock::testing {
namespace {

using base::DType;
using model::Warmup;
using model::WarmupInput;
using model::WarmupSource;

// Notes what it is given.
class NotingExecutor : public model::Executor {
 public:
  explicit NotingExecutor(base::Signature signature) : signature_(std::move(signature)) {}

  const base::Signature& signature() const override { return signature_; }
  model::ExecutorTraits traits() const override { return {}; }
  base::Result<> run(const model::ExecutorBatch& batch,
                     std::vector<base::Tensor>& outputs) override {
    ++runs;
    rows = batch.rows;
    request_rows.assign(batch.request_rows.begin(), batch.request_rows.end());
    inputs.assign(batch.inputs.begin(), batch.inputs.end());
    outputs = inputs;
    if (fails) return base::fail(base::Code::kInternal, "it is cold");
    return {};
  }

  int runs = 0;
  bool fails = false;
  std::int64_t rows = 0;
  std::vector<std::int64_t> request_rows;
  std::vector<base::Tensor> inputs;

 private:
  const base::Signature signature_;
};

base::Signature signature() {
  return {.inputs = {{.name = "x", .dtype = DType::kFp32, .dims = {2, -1}},
                     {.name = "s", .dtype = DType::kBytes, .dims = {1}, .is_optional = true}},
          .outputs = {},
          .batch_rows_max = 4};
}

WarmupInput zeros() {
  return {.name = "x", .dtype = DType::kFp32, .dims = {2, 3}, .source = WarmupSource::kZero};
}

std::string why(const Warmup& warmup) {
  NotingExecutor executor(signature());
  const auto done = model::run_warmups({warmup}, std::nullopt, executor);
  return done ? "" : done.error().why;
}

}  // namespace

TEST(model_warmup, equal_requests_are_executed_as_one_batch_as_often_as_asked) {
  NotingExecutor executor(signature());
  const Warmup warmup{.name = "w", .rows = 3, .count = 5, .inputs = {zeros()}};
  REQUIRE(model::run_warmups({warmup}, std::nullopt, executor).has_value());
  EXPECT_EQ(executor.runs, 5);
  EXPECT_EQ(executor.rows, 3);
  EXPECT(executor.request_rows == std::vector<std::int64_t>({1, 1, 1}));
  EXPECT(executor.inputs[0].shape == base::Shape({3, 2, 3}));
  EXPECT_EQ(executor.inputs[0].bytes.bytes.size(), 72);
  EXPECT(std::ranges::all_of(executor.inputs[0].bytes.bytes,
                             [](std::byte one) { return one == std::byte{0}; }));
  EXPECT(!executor.inputs[1].is_present);
}

TEST(model_warmup, given_bytes_come_once_for_each_row) {
  NotingExecutor executor(signature());
  const std::string element = std::string("\2\0\0\0ab", 6);
  const Warmup warmup{.name = "w",
                      .rows = 2,
                      .inputs = {zeros(),
                                 {.name = "s",
                                  .dtype = DType::kBytes,
                                  .dims = {1},
                                  .source = WarmupSource::kBytes,
                                  .bytes = element}}};
  REQUIRE(model::run_warmups({warmup}, std::nullopt, executor).has_value());
  const auto bytes = executor.inputs[1].bytes.bytes;
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
            element + element);
}

TEST(model_warmup, random_values_are_tame_and_the_same_each_time) {
  for (std::size_t i = 0; i < base::kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    base::Signature one = signature();
    one.inputs = {{.name = "x", .dtype = dtype, .dims = {64}}};
    const Warmup warmup{
        .inputs = {{.name = "x", .dtype = dtype, .dims = {64}, .source = WarmupSource::kRandom}}};
    NotingExecutor first(one);
    NotingExecutor second(one);
    REQUIRE(model::run_warmups({warmup}, std::nullopt, first).has_value());
    REQUIRE(model::run_warmups({warmup}, std::nullopt, second).has_value());
    const auto bytes = first.inputs[0].bytes.bytes;
    EXPECT(std::ranges::equal(bytes, second.inputs[0].bytes.bytes));
    EXPECT(std::ranges::any_of(bytes, [](std::byte b) { return b != std::byte{0}; }));
    const std::size_t each = base::element_bytes(dtype);
    EXPECT_EQ(bytes.size(), 64 * (dtype == DType::kBytes ? 12 : each));
    if (dtype == DType::kFp32) {
      for (std::size_t at = 0; at < 64; ++at) {
        float value;
        std::memcpy(&value, bytes.data() + at * each, each);
        EXPECT(value >= 0 && value < 1);
      }
    } else if (dtype == DType::kInt64 || dtype == DType::kBool) {
      for (std::size_t at = 0; at < bytes.size(); ++at) {
        EXPECT(bytes[at] == std::byte{0} || (at % each == 0 && bytes[at] == std::byte{1}));
      }
    }
  }
}

TEST(model_warmup, one_that_does_not_fit_the_model_says_where) {
  EXPECT_EQ(why({.name = "w", .rows = 5, .inputs = {zeros()}}),
            "warm-up 'w': its batch_size is 5; wanted 1 to 4 (max_batch_size)");
  EXPECT_EQ(why({.name = "w", .inputs = {}}), "warm-up 'w': input 'x' is missing");
  WarmupInput input = zeros();
  input.name = "z";
  EXPECT_EQ(why({.name = "w", .inputs = {zeros(), input}}),
            "warm-up 'w': the model has no input 'z'; its inputs are 'x', 's'");
  input = zeros();
  input.dtype = DType::kFp64;
  EXPECT_EQ(why({.name = "w", .inputs = {input}}),
            "warm-up 'w': input 'x': it is FP64, but the model wants FP32");
  input = zeros();
  input.dims = {1, 2, 3};
  EXPECT_EQ(
      why({.name = "w", .inputs = {input}}),
      "warm-up 'w': input 'x': its dims [1,2,3] do not fit the model's [2,-1] (both leave the "
      "batch dimension out)");
  input = zeros();
  input.dims = {2, std::int64_t{1} << 50};
  EXPECT_CONTAINS(why({.name = "w", .inputs = {input}}), "are more than a warm-up may have");
}

TEST(model_warmup, a_file_of_another_size_says_both) {
  WarmupInput input = zeros();
  input.source = WarmupSource::kBytes;
  input.bytes = "1234";
  EXPECT_EQ(why({.name = "w", .inputs = {input}}),
            "warm-up 'w': input 'x': its file has 4 bytes, but dims [2,3] of FP32 are 24");
  WarmupInput text{
      .name = "s", .dtype = DType::kBytes, .dims = {1}, .source = WarmupSource::kBytes};
  text.bytes = std::string("\5\0\0\0ab", 6);
  EXPECT_CONTAINS(why({.name = "w", .inputs = {zeros(), text}}),
                  "input 's': its file ends within element 0 of dims [1] of BYTES");
  text.bytes = std::string("\0\0\0\0ab", 6);
  EXPECT_CONTAINS(why({.name = "w", .inputs = {zeros(), text}}),
                  "input 's': its file has 2 bytes behind the elements of [1] of BYTES");
}

TEST(model_warmup, one_that_fails_in_the_model_is_told) {
  NotingExecutor executor(signature());
  executor.fails = true;
  const auto done =
      model::run_warmups({{.name = "w", .inputs = {zeros()}}}, std::nullopt, executor);
  REQUIRE(!done.has_value());
  EXPECT_EQ(done.error().why, "warm-up 'w': the model fails on it: it is cold");
}

TEST(model_warmup, its_tensors_are_reshaped_as_those_of_requests_are) {
  NotingExecutor executor({.inputs = {{.name = "x", .dtype = DType::kFp32, .dims = {2, 2}}},
                           .outputs = {},
                           .batch_rows_max = 4});
  model::Reshaping reshaping{.signature = executor.signature(), .inputs = {}, .outputs = {}};
  reshaping.signature.inputs[0].dims = {4};
  reshaping.inputs.push_back(model::Reshape{.asked = {4}, .model = {2, 2}});
  WarmupInput input = zeros();
  input.dims = {4};
  REQUIRE(model::run_warmups({{.name = "w", .inputs = {input}}}, reshaping, executor).has_value());
  EXPECT(executor.inputs[0].shape == base::Shape({1, 2, 2}));
}

}  // namespace penstock::testing
