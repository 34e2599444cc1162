// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <string>
#include <vector>

#include "harness.h"
#include "model/column_run.h"
#include "model/identity_executor.h"

namespace penstock::model {
namespace {

using base::DType;

constexpr std::size_t kWidth = 3;
// More than one block of 128 KiB, and no multiple of it.
constexpr std::size_t kRows = 30'001;

base::Result<std::unique_ptr<IdentityExecutor>> identity(DType dtype) {
  const std::vector<std::int64_t> dims = {kWidth};
  return IdentityExecutor::make({.inputs = {{.name = "x", .dtype = dtype, .dims = dims}},
                                 .outputs = {{.name = "y", .dtype = dtype, .dims = dims}},
                                 .batch_rows_max = 1 << 20});
}

struct Table {
  Table() {
    for (std::size_t i = 0; i < kWidth; ++i) {
      for (std::size_t row = 0; row <= kRows; ++row) {
        values[i].push_back(static_cast<float>(row * kWidth + i));
      }
    }
  }
  // From the second value on.
  std::vector<Column> columns() const {
    std::vector<Column> made;
    for (const auto& one : values) {
      made.push_back({.values = reinterpret_cast<const std::byte*>(one.data()), .first = 1});
    }
    return made;
  }

  std::vector<float> values[kWidth];
};

// Fails, or answers a block with a row too few, from its second block on.
class Failing final : public Executor {
 public:
  Failing(Executor& inner, bool answers) : inner_(inner), answers_(answers) {}
  const base::Signature& signature() const override { return inner_.signature(); }
  ExecutorTraits traits() const override { return inner_.traits(); }
  base::Result<> run(const ExecutorBatch& batch, std::vector<base::Tensor>& outputs) override {
    if (runs_++ > 0 && !answers_) return base::fail(base::Code::kInternal, "it is out of order");
    auto done = inner_.run(batch, outputs);
    if (runs_ > 1) --outputs.front().shape[0];
    return done;
  }

 private:
  Executor& inner_;
  bool answers_;
  int runs_ = 0;
};

}  // namespace

TEST(model_column_run, all_rows_come_back_in_order_whatever_the_blocks) {
  const auto executor = identity(DType::kFp32);
  REQUIRE(executor.has_value());
  const Table table;
  std::vector<Misfit> kinds(kRows);
  std::vector<std::int32_t> places(kRows);
  std::vector<base::Tensor> outputs;
  const auto bad = run_columns(table.columns(), kRows, {kinds, places}, **executor, outputs);
  REQUIRE(bad.has_value());
  EXPECT_EQ(*bad, 0U);
  REQUIRE(outputs.size() == 1);
  EXPECT_EQ(outputs[0].shape, (base::Shape{static_cast<std::int64_t>(kRows), kWidth}));
  REQUIRE(outputs[0].bytes.bytes.size() == kRows * kWidth * sizeof(float));
  std::vector<float> found(kRows * kWidth);
  std::memcpy(found.data(), outputs[0].bytes.bytes.data(), outputs[0].bytes.bytes.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] != static_cast<float>(i + kWidth)) ++wrong;
  }
  EXPECT_EQ(wrong, 0U);
}

TEST(model_column_run, rows_that_do_not_fit_are_marked_where_they_are) {
  const auto executor = identity(DType::kInt32);
  REQUIRE(executor.has_value());
  Table table;
  table.values[1][1 + 20'000] = 0.5F;
  table.values[2][kRows] = 1e20F;
  std::vector<Misfit> kinds(kRows);
  std::vector<std::int32_t> places(kRows);
  std::vector<base::Tensor> outputs;
  const auto bad = run_columns(table.columns(), kRows, {kinds, places}, **executor, outputs);
  REQUIRE(bad.has_value());
  EXPECT_EQ(*bad, 2U);
  EXPECT(kinds[20'000] == Misfit::kFraction && kinds[kRows - 1] == Misfit::kRange);
  EXPECT_EQ(places[20'000], 1);
  EXPECT_EQ(places[kRows - 1], 2);
}

TEST(model_column_run, no_rows_are_no_work) {
  const auto executor = identity(DType::kFp32);
  REQUIRE(executor.has_value());
  std::vector<base::Tensor> outputs;
  const auto bad = run_columns(Table().columns(), 0, {}, **executor, outputs);
  REQUIRE(bad.has_value());
  EXPECT_EQ(*bad, 0U);
}

TEST(model_column_run, a_block_that_fails_fails_all_of_it) {
  const auto executor = identity(DType::kFp32);
  REQUIRE(executor.has_value());
  const Table table;
  std::vector<Misfit> kinds(kRows);
  std::vector<std::int32_t> places(kRows);
  for (const bool answers : {false, true}) {
    Failing failing(**executor, answers);
    std::vector<base::Tensor> outputs;
    const auto bad = run_columns(table.columns(), kRows, {kinds, places}, failing, outputs);
    REQUIRE(!bad.has_value());
    EXPECT_CONTAINS(bad.error().why,
                    answers ? "output 'y' came back with shape [" : "it is out of order");
  }
}

TEST(model_column_run, reads_columns_where_there_is_one_input_of_numbers) {
  const ExecutorTraits native{.is_native = true, .is_thread_safe = true};
  const base::TensorSpec numbers{.name = "x", .dtype = DType::kFp64, .dims = {2}};
  const base::TensorSpec texts{.name = "t", .dtype = DType::kBytes, .dims = {1}};
  const base::TensorSpec halves{.name = "h", .dtype = DType::kFp16, .dims = {2}};
  EXPECT(reads_columns({.inputs = {numbers}, .outputs = {numbers}}, native));
  EXPECT(reads_columns({.inputs = {numbers}, .outputs = {halves}}, native));
  EXPECT(!reads_columns({.inputs = {numbers}, .outputs = {texts}}, native));
  EXPECT(!reads_columns({.inputs = {texts}, .outputs = {numbers}}, native));
  EXPECT(!reads_columns({.inputs = {halves}, .outputs = {numbers}}, native));
  EXPECT(!reads_columns({.inputs = {numbers, numbers}, .outputs = {numbers}}, native));
  EXPECT(!reads_columns({.inputs = {numbers}, .outputs = {numbers}}, {.is_thread_safe = true}));
}

}  // namespace penstock::model
