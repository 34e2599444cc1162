// SPDX-License-Identifier: Apache-2.0
#include "harness.h"
#include "model/cost.h"
#include "model/ort_executor.h"
#include "model_fixtures.h"

namespace penstock::model {
namespace {

base::Nanos fake_now_ns = 0;
base::Nanos fake_now() { return fake_now_ns; }

// Takes as long as it is told, by the fake clock.
class PuppetExecutor : public Executor {
 public:
  explicit PuppetExecutor(std::vector<base::Nanos> run_ns) : run_ns_(std::move(run_ns)) {
    signature_.inputs = {{.name = "x", .dtype = base::DType::kFp32, .dims = {-1, 3}},
                         {.name = "text", .dtype = base::DType::kBytes, .dims = {2}}};
    signature_.batch_rows_max = 8;
  }
  const base::Signature& signature() const override { return signature_; }
  ExecutorTraits traits() const override { return {}; }
  base::Result<> run(const ExecutorBatch& batch, std::vector<base::Tensor>& outputs) override {
    EXPECT_EQ(batch.rows, 1);
    EXPECT_EQ(batch.inputs[0].shape.text(), "[1,1,3]");
    EXPECT_EQ(batch.inputs[0].bytes.bytes.size(), 12);
    EXPECT_EQ(batch.inputs[1].shape.text(), "[1,2]");
    EXPECT_EQ(batch.inputs[1].bytes.bytes.size(), 8);
    EXPECT(outputs.empty());
    outputs.emplace_back();
    fake_now_ns += run_ns_[std::min(runs_, run_ns_.size() - 1)];
    ++runs_;
    if (fails_at_ == runs_) return base::fail(base::Code::kInternal, "no zeros, please");
    return {};
  }
  std::size_t runs() const { return runs_; }
  void fail_at(std::size_t run) { fails_at_ = run; }

 private:
  base::Signature signature_;
  std::vector<base::Nanos> run_ns_;
  std::size_t runs_ = 0;
  std::size_t fails_at_ = 0;
};

TEST(model_cost, the_first_run_warms_up_and_does_not_count) {
  PuppetExecutor executor({900'000, 5'000});
  EXPECT(measure_row_cost(executor, kCostBudget, &fake_now) == 5'000);
}

TEST(model_cost, measuring_ends_with_its_budget) {
  PuppetExecutor slow({30 * base::kMillisecond});
  EXPECT(measure_row_cost(slow, kCostBudget, &fake_now) == 30 * base::kMillisecond);
  EXPECT_EQ(slow.runs(), 2);
  PuppetExecutor slower({base::kSecond});
  EXPECT(measure_row_cost(slower, kCostBudget, &fake_now) == base::kSecond);
  EXPECT_EQ(slower.runs(), 1);
  PuppetExecutor quick({1'000});
  EXPECT(measure_row_cost(quick, kCostBudget, &fake_now) == 1'000);
  EXPECT_LT(quick.runs(), 1'000);
}

TEST(model_cost, a_model_that_refuses_zeros_has_no_known_cost) {
  for (const std::size_t run : {1, 2, 9}) {
    PuppetExecutor executor({1'000});
    executor.fail_at(run);
    EXPECT(!measure_row_cost(executor, kCostBudget, &fake_now).has_value());
  }
}

TEST(model_cost, a_small_real_model_is_cheap_enough_for_the_io_threads) {
  OPEN_ONNXRUNTIME(runtime);
  for (const char* const name : {"affine", "strings", "types"}) {
    const auto model = OrtExecutor::load(runtime, testing::model_path(name), {}, {});
    REQUIRE(model.has_value());
    const auto cost = measure_row_cost(**model);
    REQUIRE(cost.has_value());
    EXPECT_LT(0, *cost);
  }
  const auto threes = OrtExecutor::load(runtime, testing::model_path("threes"), {}, {});
  REQUIRE(threes.has_value());
  EXPECT(!measure_row_cost(**threes).has_value());
}

}  // namespace
}  // namespace penstock::model
