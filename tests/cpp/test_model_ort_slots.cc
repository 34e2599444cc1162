// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <fstream>
#include <string>

#include "harness.h"
#include "model/ort_executor.h"
#include "model/ort_graph.h"
#include "model/ort_options.h"
#include "model/ort_slots.h"
#include "model_fixtures.h"

// Each slot of the table is called here for something that only the right function does. Slots that
// release an object are proved by the leak checker of the sanitizer build and by their neighbours.
namespace penstock::model {
namespace {

using testing::floats;
using testing::run_batch;

// The library's own log, for what it shows nowhere else.
struct Lines {
  std::vector<std::string> all;

  OrtRuntime::Log log() {
    return [this](ort::Severity, std::string_view line) { all.emplace_back(line); };
  }
  // The last line with these words, or "".
  std::string with(std::string_view words) const {
    const auto at = std::find_if(all.rbegin(), all.rend(), [&](const std::string& line) {
      return line.find(words) != std::string::npos;
    });
    return at == all.rend() ? "" : *at;
  }
};

// What a function said when it refused.
std::string refusal(const OrtRuntime& runtime, ort::Status* status) {
  if (status == nullptr) return "it did not refuse";
  std::string why = runtime.call(ort::kGetErrorMessage, status);
  runtime.call(ort::kReleaseStatus, status);
  return why;
}

TEST(model_ort_slots, errors_carry_their_code_and_message) {
  OPEN_ONNXRUNTIME(runtime);
  ort::Status* const status = runtime.call(ort::kCreateStatus, ort::kNotImplemented, "so there");
  EXPECT_EQ(runtime.call(ort::kGetErrorCode, status), int{ort::kNotImplemented});
  EXPECT_EQ(runtime.call(ort::kGetErrorMessage, status), "so there");
  runtime.call(ort::kReleaseStatus, status);
}

TEST(model_ort_slots, the_environment_logs_where_it_is_told_and_ends_when_released) {
  for (int time = 0; time < 2; ++time) {
    // A second environment gets its own log only if the first one was really released.
    Lines lines;
    OPEN_ONNXRUNTIME(runtime, lines.log(), ort::kVerbose);
    const auto model =
        OrtExecutor::load(runtime, testing::model_path("affine"), {.log_id = "the-log-id"}, {});
    REQUIRE(model.has_value());
    EXPECT_CONTAINS(lines.with("Session successfully initialized"), "the-log-id");
  }
}

TEST(model_ort_slots, session_options_arrive) {
  Lines lines;
  OPEN_ONNXRUNTIME(runtime, lines.log(), ort::kInfo);
  const auto shown = [&](const OrtOptions& options) {
    lines.all.clear();
    const auto model = OrtExecutor::load(runtime, testing::model_path("affine"), options, {});
    return model ? lines.with("execution_mode") : "it did not load: " + model.error().why;
  };
  const std::string plain = shown({});
  EXPECT_CONTAINS(plain, "execution_mode:0");
  EXPECT_CONTAINS(plain, "enable_mem_pattern:1");
  EXPECT_CONTAINS(plain, "enable_cpu_mem_arena:1");
  EXPECT_CONTAINS(plain, "graph_optimization_level:4");

  const std::string changed = shown({.intra_op_threads = 3,
                                     .inter_op_threads = 2,
                                     .runs_parallel = true,
                                     .graph_level = ort::kBasic,
                                     .has_arena = false,
                                     .has_memory_plan = false,
                                     .config_entries = {{"session.intra_op.allow_spinning", "0"}},
                                     .log_id = "its-name"});
  EXPECT_CONTAINS(changed, "execution_mode:1");
  EXPECT_CONTAINS(changed, "enable_mem_pattern:0");
  EXPECT_CONTAINS(changed, "enable_cpu_mem_arena:0");
  EXPECT_CONTAINS(changed, "graph_optimization_level:1");
  EXPECT_CONTAINS(changed, "session_logid:its-name");
  EXPECT_CONTAINS(changed, "session.intra_op.allow_spinning: 0");
  const std::size_t intra = changed.find("intra_op_param");
  const std::size_t inter = changed.find("inter_op_param");
  REQUIRE(intra != std::string::npos && inter != std::string::npos);
  EXPECT(changed.substr(intra).find("thread_pool_size: 3") != std::string::npos);
  EXPECT_CONTAINS(changed.substr(inter, intra > inter ? intra - inter : std::string::npos),
                  "thread_pool_size: 2");
}

TEST(model_ort_slots, run_options_arrive) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model =
      OrtExecutor::load(runtime, testing::model_path("affine"),
                        {.run_entries = {{"memory.enable_memory_arena_shrinkage", "tpu:7"}}}, {});
  REQUIRE(model.has_value());
  const auto outputs = run_batch(**model, 1, {floats({1, 3}, {1, 2, 3})});
  REQUIRE(!outputs.has_value());
  EXPECT_CONTAINS(outputs.error().why, "tpu");
}

TEST(model_ort_slots, the_library_lists_its_providers) {
  OPEN_ONNXRUNTIME(runtime);
  char** names = nullptr;
  int count = 0;
  EXPECT_EQ(runtime.call(ort::kGetAvailableProviders, &names, &count), nullptr);
  REQUIRE(count >= 1);
  EXPECT_EQ(names[count - 1], "CPUExecutionProvider");
  EXPECT_EQ(runtime.call(ort::kReleaseAvailableProviders, names, count), nullptr);
}

TEST(model_ort_slots, a_provider_is_added_by_its_name) {
  OPEN_ONNXRUNTIME(runtime);
  OrtSessionOptions options(runtime);
  REQUIRE(runtime.call(ort::kCreateSessionOptions, options.receive()) == nullptr);
  const std::string why =
      refusal(runtime, runtime.call(ort::kAppendExecutionProvider, options.get(), "NoSuchProvider",
                                    nullptr, nullptr, std::size_t{0}));
  EXPECT_CONTAINS(why, "NoSuchProvider");
}

// The library without CUDA has the functions all the same: each refuses and says its subject.
TEST(model_ort_slots, cuda_and_tensorrt_are_asked_for_in_their_own_slots) {
  OPEN_ONNXRUNTIME(runtime);
  if (std::ranges::find(runtime.providers(), "CUDAExecutionProvider") !=
      runtime.providers().end()) {
    // Here they work instead, and what one makes the other must release.
    OrtCudaOptions cuda_options(runtime);
    OrtTensorRtOptions tensorrt_options(runtime);
    EXPECT(runtime.call(ort::kCreateCudaOptions, cuda_options.receive()) == nullptr);
    EXPECT(runtime.call(ort::kCreateTensorRtOptions, tensorrt_options.receive()) == nullptr);
    return;
  }
  OrtSessionOptions options(runtime);
  REQUIRE(runtime.call(ort::kCreateSessionOptions, options.receive()) == nullptr);
  const auto cuda = [&](auto slot, auto... arguments) {
    EXPECT_CONTAINS(refusal(runtime, runtime.call(slot, arguments...)), "CUDA");
  };
  // Stands for options, which only a library with CUDA can make; some of it is looked at.
  std::array<std::byte, 4096> blank{};
  auto* cuda_options = reinterpret_cast<ort::CudaOptions*>(blank.data());
  // Checks an option that only CUDA has before it finds that there is no CUDA.
  EXPECT_CONTAINS(refusal(runtime, runtime.call(ort::kAppendCuda, options.get(), cuda_options)),
                  "external_data_loader_pinned_memory_bytes");
  cuda(ort::kCreateCudaOptions, &cuda_options);
  cuda(ort::kUpdateCudaOptions, cuda_options, nullptr, nullptr, std::size_t{0});

  const auto tensorrt = [&](auto slot, auto... arguments) {
    EXPECT_CONTAINS(refusal(runtime, runtime.call(slot, arguments...)), "TensorRT");
  };
  auto* tensorrt_options = reinterpret_cast<ort::TensorRtOptions*>(blank.data());
  tensorrt(ort::kAppendTensorRt, options.get(), tensorrt_options);
  tensorrt(ort::kCreateTensorRtOptions, &tensorrt_options);
  tensorrt(ort::kUpdateTensorRtOptions, tensorrt_options, nullptr, nullptr, std::size_t{0});

  // The functions that release options say nothing; the ones that follow them do.
  using Append = ort::Status*(ort::SessionOptions*, const void*);
  const ort::Slot<Append> after_cuda{ort::kReleaseCudaOptions.number + 1};
  EXPECT_CONTAINS(refusal(runtime, runtime.call(after_cuda, options.get(), blank.data())),
                  "migraphx");
  const ort::Slot<ort::Status*(ort::SessionOptions*)> after_tensorrt{
      ort::kReleaseTensorRtOptions.number + 1};
  EXPECT_CONTAINS(refusal(runtime, runtime.call(after_tensorrt, options.get())),
                  "EnableOrtCustomOps");
}

base::Result<GraphSignature> graph_of(const OrtRuntime& runtime, std::string_view name) {
  OrtSessionOptions options(runtime);
  OrtSession session(runtime);
  auto done = runtime.attempt("make options", ort::kCreateSessionOptions, options.receive());
  if (done) {
    done = runtime.attempt("load", ort::kCreateSession, runtime.env(),
                           testing::model_path(name).c_str(), options.get(), session.receive());
  }
  if (!done) return std::unexpected(done.error());
  return read_graph_signature(runtime, session.get());
}

TEST(model_ort_slots, a_graphs_signature_is_read) {
  OPEN_ONNXRUNTIME(runtime);
  const auto graph = graph_of(runtime, "mixed");
  REQUIRE(graph.has_value());
  using Dims = std::vector<std::int64_t>;
  const GraphTensor x{
      .name = "x", .dtype = base::DType::kFp32, .dims = Dims{-1, 2}, .symbols = {"batch", ""}};
  const GraphTensor count{
      .name = "count", .dtype = base::DType::kInt64, .dims = Dims{-1, 1}, .symbols = {"batch", ""}};
  EXPECT(graph->inputs == (std::vector{x, count}));
  REQUIRE(graph->outputs.size() == 2);
  EXPECT_EQ(graph->outputs[0].name, "doubled");
  EXPECT_EQ(graph->outputs[1].name, "scaled");
}

TEST(model_ort_slots, inputs_with_a_default_are_read_apart) {
  OPEN_ONNXRUNTIME(runtime);
  const auto graph = graph_of(runtime, "default");
  REQUIRE(graph.has_value());
  REQUIRE(graph->inputs.size() == 2);
  EXPECT(!graph->inputs[0].has_default);
  EXPECT_EQ(graph->inputs[1].name, "scale");
  EXPECT(graph->inputs[1].has_default);
  EXPECT(graph->inputs[1].dims == std::vector<std::int64_t>{1});
}

TEST(model_ort_slots, a_shape_of_no_dimensions_is_told_from_no_shape) {
  OPEN_ONNXRUNTIME(runtime);
  const auto scalar = graph_of(runtime, "scalar");
  const auto unranked = graph_of(runtime, "unranked");
  REQUIRE(scalar.has_value() && unranked.has_value());
  EXPECT(scalar->inputs[0].dims == std::vector<std::int64_t>{});
  EXPECT(!unranked->inputs[0].dims.has_value());
}

TEST(model_ort_slots, what_is_no_tensor_is_read_as_what_it_is) {
  OPEN_ONNXRUNTIME(runtime);
  const auto graph = graph_of(runtime, "sequence");
  REQUIRE(graph.has_value());
  REQUIRE(graph->outputs.size() == 2);
  EXPECT(graph->outputs[0].dtype == base::DType::kFp32);
  EXPECT(!graph->outputs[1].dtype.has_value());
  EXPECT_EQ(graph->outputs[1].kind, "a sequence");
}

TEST(model_ort_slots, a_value_is_made_over_bytes_and_read_back) {
  OPEN_ONNXRUNTIME(runtime);
  std::array<float, 2> bytes{1, 2};
  constexpr std::array<std::int64_t, 2> kDims{1, 2};
  OrtOwned<ort::Value, ort::kReleaseValue> value(runtime);
  REQUIRE(runtime.call(ort::kCreateTensorWithData, runtime.cpu_memory(), bytes.data(), sizeof bytes,
                       kDims.data(), kDims.size(), onnx_element_type(base::DType::kFp32),
                       value.receive()) == nullptr);
  int is_tensor = 0;
  void* data = nullptr;
  EXPECT_EQ(runtime.call(ort::kIsTensor, value.get(), &is_tensor), nullptr);
  EXPECT_EQ(is_tensor, 1);
  EXPECT_EQ(runtime.call(ort::kGetTensorData, value.get(), &data), nullptr);
  EXPECT(data == bytes.data());

  OrtTensorInfo info(runtime);
  int element_type = 0;
  std::size_t rank = 0;
  std::array<std::int64_t, 2> dims{};
  REQUIRE(runtime.call(ort::kGetTensorInfo, value.get(), info.receive()) == nullptr);
  EXPECT_EQ(runtime.call(ort::kGetElementType, info.get(), &element_type), nullptr);
  EXPECT_EQ(element_type, 1);
  EXPECT_EQ(runtime.call(ort::kGetDimensionsCount, info.get(), &rank), nullptr);
  EXPECT_EQ(rank, 2);
  EXPECT_EQ(runtime.call(ort::kGetDimensions, info.get(), dims.data(), rank), nullptr);
  EXPECT_EQ(dims, kDims);
  EXPECT(runtime.call(ort::kHasShape, info.get()));
}

TEST(model_ort_slots, strings_are_written_and_read_one_by_one) {
  OPEN_ONNXRUNTIME(runtime);
  constexpr std::array<std::int64_t, 1> kDims{2};
  OrtOwned<ort::Value, ort::kReleaseValue> value(runtime);
  REQUIRE(runtime.call(ort::kCreateTensor, runtime.allocator(), kDims.data(), kDims.size(),
                       onnx_element_type(base::DType::kBytes), value.receive()) == nullptr);
  char* to = nullptr;
  REQUIRE(runtime.call(ort::kResizeString, value.get(), std::size_t{1}, std::size_t{3}, &to) ==
          nullptr);
  std::memcpy(to, "abc", 3);
  std::size_t all = 0;
  std::size_t length = 0;
  std::string second(3, '?');
  EXPECT_EQ(runtime.call(ort::kGetStringBytes, value.get(), &all), nullptr);
  EXPECT_EQ(all, 3);
  EXPECT_EQ(runtime.call(ort::kGetStringLength, value.get(), std::size_t{1}, &length), nullptr);
  EXPECT_EQ(length, 3);
  EXPECT_EQ(runtime.call(ort::kGetString, value.get(), length, std::size_t{1}, second.data()),
            nullptr);
  EXPECT_EQ(second, "abc");
}

}  // namespace
}  // namespace penstock::model
