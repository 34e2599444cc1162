// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <fstream>
#include <thread>

#include "harness.h"
#include "model/ort_executor.h"
#include "model_fixtures.h"

namespace penstock::model {
namespace {

using base::Code;
using base::DType;
using base::Tensor;
using testing::bytes_of;
using testing::floats;
using testing::run_batch;
using testing::tensor_of;
using testing::tensor_of_bytes;
using testing::values_of;

using Loaded = base::Result<std::unique_ptr<OrtExecutor>>;

Loaded load(const OrtRuntime& runtime, std::string_view name, const ConfigSignature& config = {},
            const OrtOptions& options = {}) {
  return OrtExecutor::load(runtime, testing::model_path(name), options, config);
}

// What loading said when it failed.
std::string refusal(const Loaded& loaded) { return loaded ? "it loaded" : loaded.error().why; }

bool is_aligned(const Tensor& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.bytes.bytes.data()) % base::kTensorAlignment == 0;
}

// A file of this test's own, removed when it ends.
class ScratchFile {
 public:
  explicit ScratchFile(std::string_view bytes)
      : path_((std::filesystem::temp_directory_path() /
               ("penstock-test-" + std::to_string(::getpid()) + ".onnx"))
                  .string()) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(model_ort_executor, computes_the_rows_of_a_batch) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "affine");
  REQUIRE(model.has_value());
  EXPECT_EQ((*model)->signature().batch_rows_max, kBatchRowsDefault);
  for (const std::int64_t rows : {1, 2, 1}) {
    const std::vector<float> x =
        rows == 1 ? std::vector<float>{1, 2, 3} : std::vector<float>{1, 2, 3, -4, 5, 0.5F};
    const auto outputs = run_batch(**model, rows, {floats({rows, 3}, x)});
    REQUIRE(outputs.has_value());
    REQUIRE(outputs->size() == 1);
    std::vector<float> wanted;
    for (const float value : x) wanted.push_back(2 * value + 1);
    EXPECT_EQ(values_of<float>(outputs->front()), wanted);
    EXPECT_EQ(outputs->front().shape.text(), base::dims_text(std::vector<std::int64_t>{rows, 3}));
    EXPECT(is_aligned(outputs->front()));
  }
}

TEST(model_ort_executor, runs_native_on_any_thread_and_gains_from_batches) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "affine");
  REQUIRE(model.has_value());
  const ExecutorTraits traits = (*model)->traits();
  EXPECT(traits.is_native && traits.is_thread_safe && traits.gains_from_batching);
  EXPECT(!traits.takes_unaligned);
}

TEST(model_ort_executor, takes_several_inputs_and_gives_several_outputs_in_the_configs_order) {
  OPEN_ONNXRUNTIME(runtime);
  ConfigSignature config{.inputs = {{.name = "count", .dims = {1}}, {.name = "x", .dims = {2}}},
                         .outputs = {{.name = "scaled"}, {.name = "doubled"}},
                         .batch_rows_max = 8};
  for (const bool is_listed : {false, true}) {
    const auto model = load(runtime, "mixed", is_listed ? config : ConfigSignature{});
    REQUIRE(model.has_value());
    const Tensor x = floats({2, 2}, {1, 2, 3, 4});
    const Tensor count = tensor_of<std::int64_t>(DType::kInt64, {2, 1}, {10, 100});
    const auto outputs =
        run_batch(**model, 2, is_listed ? std::vector{count, x} : std::vector{x, count});
    REQUIRE(outputs.has_value());
    const Tensor& scaled = (*outputs)[is_listed ? 0 : 1];
    const Tensor& doubled = (*outputs)[is_listed ? 1 : 0];
    EXPECT_EQ(values_of<float>(scaled), (std::vector<float>{10, 20, 300, 400}));
    EXPECT_EQ(values_of<std::int64_t>(doubled), (std::vector<std::int64_t>{20, 200}));
  }
}

TEST(model_ort_executor, serves_only_the_outputs_that_the_config_lists) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "mixed", {.outputs = {{.name = "scaled"}}, .batch_rows_max = 4});
  REQUIRE(model.has_value());
  const auto outputs = run_batch(
      **model, 1, {floats({1, 2}, {1, 2}), tensor_of<std::int64_t>(DType::kInt64, {1, 1}, {3})});
  REQUIRE(outputs.has_value());
  REQUIRE(outputs->size() == 1);
  EXPECT_EQ(values_of<float>(outputs->front()), (std::vector<float>{3, 6}));
}

TEST(model_ort_executor, carries_every_datatype_bit_for_bit) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "types");
  REQUIRE(model.has_value());
  const base::Signature& signature = (*model)->signature();
  REQUIRE(signature.inputs.size() == base::kDTypeCount);
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < base::kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(signature.inputs[i].name, base::name_of(dtype));
    EXPECT_EQ(signature.inputs[i].dtype, dtype);
    EXPECT_EQ(signature.outputs[i].dtype, dtype);
    if (dtype == DType::kBytes) {
      inputs.push_back(testing::strings({2, 2}, {"a", "", "long enough not to be short", "d"}));
      continue;
    }
    std::vector<std::byte> bytes(4 * base::element_bytes(dtype));
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      bytes[at] = static_cast<std::byte>(dtype == DType::kBool ? at % 2 : 17 * at + i);
    }
    inputs.push_back(tensor_of_bytes(dtype, {2, 2}, bytes));
  }
  const auto outputs = run_batch(**model, 2, inputs);
  REQUIRE(outputs.has_value());
  for (std::size_t i = 0; i < base::kDTypeCount; ++i) {
    EXPECT_EQ((*outputs)[i].dtype, inputs[i].dtype);
    EXPECT_EQ((*outputs)[i].shape, inputs[i].shape);
    EXPECT_EQ(bytes_of((*outputs)[i]), bytes_of(inputs[i]));
    EXPECT(is_aligned((*outputs)[i]));
  }
}

TEST(model_ort_executor, carries_strings_of_any_bytes) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "strings");
  REQUIRE(model.has_value());
  const std::string nul("a\0b", 3);
  const std::string high("\xff\xfe\x80", 3);
  const std::string big(100'000, 'x');
  const auto outputs = run_batch(**model, 2, {testing::strings({2, 2}, {nul, "", high, big})});
  REQUIRE(outputs.has_value());
  const Tensor wanted = testing::strings({2, 2}, {nul + nul, "", high + high, big + big});
  EXPECT(bytes_of(outputs->front()) == bytes_of(wanted));
}

TEST(model_ort_executor, refuses_strings_that_do_not_fill_their_shape) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "strings");
  REQUIRE(model.has_value());
  Tensor cut = testing::strings({1, 2}, {"ab", "cd"});
  cut.bytes.bytes = cut.bytes.bytes.first(cut.bytes.bytes.size() - 1);
  Tensor extra = testing::strings({1, 2}, {"ab", "cd", "ef"});
  for (const Tensor& tensor :
       {cut, extra, testing::strings({1, 2}, {"ab"}), testing::strings({1, 2}, {})}) {
    const auto outputs = run_batch(**model, 1, {tensor});
    REQUIRE(!outputs.has_value());
    EXPECT_EQ(outputs.error().code, Code::kInvalidArgument);
    EXPECT_CONTAINS(outputs.error().why, "input 'x'");
  }
}

TEST(model_ort_executor, computes_scalars) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "scalar");
  REQUIRE(model.has_value());
  EXPECT_EQ((*model)->signature().batch_rows_max, 0);
  const auto outputs = run_batch(**model, 1, {floats({}, {41})});
  REQUIRE(outputs.has_value());
  EXPECT_EQ(outputs->front().shape.text(), "[]");
  EXPECT_EQ(values_of<float>(outputs->front()), std::vector<float>{42});
}

TEST(model_ort_executor, takes_and_gives_tensors_without_elements) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "wide");
  REQUIRE(model.has_value());
  const auto outputs = run_batch(**model, 2, {floats({2, 0}, {})});
  REQUIRE(outputs.has_value());
  EXPECT_EQ(outputs->front().shape.text(), "[2,0]");
  EXPECT_EQ(outputs->front().bytes.bytes.size(), 0);
  const auto fixed = load(runtime, "affine");
  REQUIRE(fixed.has_value());
  const auto none = run_batch(**fixed, 0, {floats({0, 3}, {})});
  REQUIRE(none.has_value());
  EXPECT_EQ(none->front().shape.text(), "[0,3]");
}

TEST(model_ort_executor, gives_outputs_whose_size_depends_on_the_values) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "nonzero");
  REQUIRE(model.has_value());
  EXPECT_EQ((*model)->signature().batch_rows_max, 0);
  const auto outputs = run_batch(**model, 1, {floats({5}, {0, 1, 0, 0, 2})});
  REQUIRE(outputs.has_value());
  EXPECT_EQ(outputs->front().shape.text(), "[1,2]");
  EXPECT_EQ(values_of<std::int64_t>(outputs->front()), (std::vector<std::int64_t>{1, 4}));
  EXPECT(is_aligned(outputs->front()));
}

TEST(model_ort_executor, reads_inputs_where_they_lie) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "affine");
  REQUIRE(model.has_value());
  // The batch is the middle of a larger block, as when requests share one.
  Tensor x = floats({48, 1}, std::vector<float>(48, 1));
  x.shape = {1, 3};
  x.bytes.bytes = x.bytes.bytes.subspan(base::kTensorAlignment, 3 * sizeof(float));
  const auto outputs = run_batch(**model, 1, {x});
  REQUIRE(outputs.has_value());
  EXPECT_EQ(values_of<float>(outputs->front()), (std::vector<float>{3, 3, 3}));
}

TEST(model_ort_executor, serves_a_model_that_declares_a_wrong_output_shape) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "lying");
  REQUIRE(model.has_value());
  for (int run = 0; run < 2; ++run) {
    const auto outputs = run_batch(**model, 2, {floats({2, 3}, {1, 2, 3, 4, 5, 6})});
    REQUIRE(outputs.has_value());
    EXPECT_EQ(outputs->front().shape.text(), "[2,3]");
    EXPECT_EQ(values_of<float>(outputs->front()), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  }
}

TEST(model_ort_executor, gives_outputs_that_no_node_computes) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "through", {.outputs = {}, .batch_rows_max = 0});
  REQUIRE(model.has_value());
  const auto outputs = run_batch(**model, 1, {floats({1, 3}, {-1, 2, -3})});
  REQUIRE(outputs.has_value());
  EXPECT_EQ(values_of<float>((*outputs)[0]), (std::vector<float>{-1, 2, -3}));
  EXPECT_EQ(values_of<float>((*outputs)[1]), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(values_of<float>((*outputs)[2]), (std::vector<float>{7, 8}));
}

TEST(model_ort_executor, uses_the_models_default_for_an_input_left_out) {
  OPEN_ONNXRUNTIME(runtime);
  const auto plain = load(runtime, "default");
  REQUIRE(plain.has_value());
  EXPECT_EQ((*plain)->signature().inputs.size(), 1);

  const auto model = load(runtime, "default",
                          {.inputs = {{.name = "x", .dims = {-1, 3}},
                                      {.name = "scale", .dims = {1}, .is_optional = true}},
                           .batch_rows_max = 0});
  REQUIRE(model.has_value());
  const Tensor x = floats({1, 3}, {1, 2, 3});
  Tensor absent;
  absent.is_present = false;
  const auto left_out = run_batch(**model, 1, {x, absent});
  REQUIRE(left_out.has_value());
  EXPECT_EQ(values_of<float>(left_out->front()), (std::vector<float>{10, 20, 30}));
  const auto given = run_batch(**model, 1, {x, floats({1}, {2})});
  REQUIRE(given.has_value());
  EXPECT_EQ(values_of<float>(given->front()), (std::vector<float>{2, 4, 6}));
}

TEST(model_ort_executor, a_run_that_fails_says_why_and_leaves_the_model_whole) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "threes");
  REQUIRE(model.has_value());
  for (int run = 0; run < 2; ++run) {
    const auto bad = run_batch(**model, 1, {floats({4}, {1, 2, 3, 4})});
    REQUIRE(!bad.has_value());
    EXPECT_CONTAINS(bad.error().why, "Reshape");
    EXPECT_EQ(bad.error().why.find('\n'), std::string::npos);
    const auto good = run_batch(**model, 1, {floats({3}, {1, 2, 3})});
    REQUIRE(good.has_value());
    EXPECT_EQ(good->front().shape.text(), "[1,3]");
  }
}

TEST(model_ort_executor, a_batch_that_comes_back_with_other_rows_fails) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "not_rows", {.batch_rows_max = 8});
  REQUIRE(model.has_value());
  const auto outputs = run_batch(**model, 2, {floats({2, 2}, {1, 1, 1, 0})});
  REQUIRE(!outputs.has_value());
  EXPECT_EQ(outputs.error().code, Code::kInternal);
  EXPECT_CONTAINS(outputs.error().why, "'y'");
  EXPECT_CONTAINS(outputs.error().why, "2 rows");
}

TEST(model_ort_executor, runs_on_two_threads_at_once) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = load(runtime, "affine");
  REQUIRE(model.has_value());
  std::atomic<int> right = 0;
  const auto work = [&](float seed) {
    for (int i = 0; i < 500; ++i) {
      const float value = seed + static_cast<float>(i);
      const std::int64_t rows = 1 + i % 3;
      const std::vector<float> x(static_cast<std::size_t>(rows) * 3, value);
      const auto outputs = run_batch(**model, rows, {floats({rows, 3}, x)});
      const std::vector<float> wanted(x.size(), 2 * value + 1);
      if (outputs && values_of<float>(outputs->front()) == wanted) ++right;
    }
  };
  std::thread other(work, 0.0F);
  work(1000.0F);
  other.join();
  EXPECT_EQ(right.load(), 1000);
}

TEST(model_ort_executor, files_that_are_no_model_are_refused_by_name) {
  OPEN_ONNXRUNTIME(runtime);
  const auto missing = OrtExecutor::load(runtime, "/nowhere/model.onnx", {}, {});
  EXPECT_CONTAINS(refusal(missing), "/nowhere/model.onnx");
  REQUIRE(!missing.has_value());
  EXPECT_EQ(missing.error().code, Code::kNotFound);

  const std::string whole = contents_of(testing::model_path("affine"));
  REQUIRE(whole.size() > 100);
  for (const std::string& bytes :
       {std::string("this is no model"), std::string(), whole.substr(0, whole.size() / 2)}) {
    const ScratchFile file(bytes);
    const auto loaded = OrtExecutor::load(runtime, file.path(), {}, {});
    REQUIRE(!loaded.has_value());
    EXPECT_CONTAINS(refusal(loaded), file.path());
  }
}

TEST(model_ort_executor, an_output_that_is_no_tensor_is_refused_unless_left_out) {
  OPEN_ONNXRUNTIME(runtime);
  const auto whole = load(runtime, "sequence");
  EXPECT_CONTAINS(refusal(whole), "output 'maps' of the model is a sequence");
  EXPECT_CONTAINS(refusal(whole), "zipmap");
  const auto part =
      load(runtime, "sequence", {.outputs = {{.name = "label"}}, .batch_rows_max = 4});
  REQUIRE(part.has_value());
  EXPECT_EQ((*part)->signature().outputs.size(), 1);
  EXPECT_CONTAINS(refusal(load(runtime, "float8")), "ONNX element type 17");
}

TEST(model_ort_executor, a_model_without_shapes_needs_a_config) {
  OPEN_ONNXRUNTIME(runtime);
  EXPECT_CONTAINS(refusal(load(runtime, "unranked")), "input 'x' has no shape in the model");
  const auto model = load(runtime, "unranked",
                          {.inputs = {{.name = "x", .dims = {2}}},
                           .outputs = {{.name = "y", .dims = {2}}},
                           .batch_rows_max = 4});
  REQUIRE(model.has_value());
  const auto outputs = run_batch(**model, 1, {floats({1, 2}, {-1, 1})});
  REQUIRE(outputs.has_value());
  EXPECT_EQ(values_of<float>(outputs->front()), (std::vector<float>{1, 1}));
}

}  // namespace
}  // namespace penstock::model
