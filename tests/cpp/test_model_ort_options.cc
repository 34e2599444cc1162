// SPDX-License-Identifier: Apache-2.0
#include "harness.h"
#include "model/ort_options.h"
#include "model_fixtures.h"

namespace penstock::model {
namespace {

std::string refusal(const base::Result<OrtOptions>& options) {
  return options ? "it was taken" : options.error().why;
}

TEST(model_ort_options, a_session_has_one_thread_and_all_optimizations_by_itself) {
  const auto options = ort_options_from({});
  REQUIRE(options.has_value());
  EXPECT(*options == OrtOptions{});
  EXPECT_EQ(options->intra_op_threads, 1);
  EXPECT_EQ(options->graph_level, ort::kAllOptimizations);
}

TEST(model_ort_options, tritons_parameters_are_read_and_others_passed_over) {
  const auto options =
      ort_options_from({.parameters = {{"intra_op_thread_count", "4"},
                                       {"inter_op_thread_count", "0"},
                                       {"execution_mode", "1"},
                                       {"enable_mem_arena", "0"},
                                       {"enable_mem_pattern", "false"},
                                       {"session.set_denormal_as_zero", "1"},
                                       {"memory.enable_memory_arena_shrinkage", "cpu:0"},
                                       {"EXECUTION_ENV_PATH", "/elsewhere"}},
                        .graph_level = 1});
  REQUIRE(options.has_value());
  const OrtOptions wanted{.intra_op_threads = 4,
                          .inter_op_threads = 0,
                          .runs_parallel = true,
                          .graph_level = ort::kExtended,
                          .has_arena = false,
                          .has_memory_plan = false,
                          .config_entries = {{"session.set_denormal_as_zero", "1"}},
                          .run_entries = {{"memory.enable_memory_arena_shrinkage", "cpu:0"}}};
  EXPECT(*options == wanted);
}

TEST(model_ort_options, a_value_that_cannot_be_is_refused_with_its_name) {
  for (const char* const value : {"", "two", "-1", "1.5", "99999999999"}) {
    const std::string why =
        refusal(ort_options_from({.parameters = {{"intra_op_thread_count", value}}}));
    EXPECT_CONTAINS(why, "'intra_op_thread_count'");
    EXPECT_CONTAINS(why, value);
  }
  EXPECT_CONTAINS(refusal(ort_options_from({.parameters = {{"execution_mode", "2"}}})),
                  "'execution_mode' is '2'");
  EXPECT_CONTAINS(refusal(ort_options_from({.graph_level = 3})), "level is 3");
}

TEST(model_ort_options, graph_levels_are_tritons) {
  const auto level = [](std::int32_t given) {
    const auto options = ort_options_from({.graph_level = given});
    return options ? options->graph_level : ort::GraphLevel{-1};
  };
  EXPECT_EQ(level(-1), ort::kBasic);
  EXPECT_EQ(level(0), ort::kAllOptimizations);
  EXPECT_EQ(level(1), ort::kExtended);
  EXPECT_EQ(level(2), ort::kNoOptimization);
}

TEST(model_ort_options, a_gpu_group_uses_cuda_after_its_accelerators) {
  const auto options =
      ort_options_from({.parameters = {{"cudnn_conv_algo_search", "1"}, {"gpu_mem_limit", "1000"}},
                        .gpu_accelerators = {{.name = "cuda", .settings = {{"use_tf32", "0"}}},
                                             {.name = "tensorrt",
                                              .settings = {{"precision_mode", "FP16"},
                                                           {"max_workspace_size_bytes", "7"},
                                                           {"trt_engine_cache_enable", "1"}}}},
                        .gpu = 2});
  REQUIRE(options.has_value());
  const std::vector<OrtProvider> wanted = {{.name = "tensorrt",
                                            .settings = {{"trt_fp16_enable", "1"},
                                                         {"trt_max_workspace_size", "7"},
                                                         {"trt_engine_cache_enable", "1"},
                                                         {"device_id", "2"}}},
                                           {.name = "CUDAExecutionProvider",
                                            .settings = {{"cudnn_conv_algo_search", "HEURISTIC"},
                                                         {"gpu_mem_limit", "1000"},
                                                         {"use_tf32", "0"},
                                                         {"device_id", "2"}}}};
  EXPECT(options->providers == wanted);
  // Without a GPU the same config runs on the CPU.
  const auto without = ort_options_from({.gpu_accelerators = {{.name = "cuda"}}});
  REQUIRE(without.has_value());
  EXPECT(without->providers.empty());
}

TEST(model_ort_options, a_provider_that_the_library_lacks_is_refused_with_those_it_has) {
  OPEN_ONNXRUNTIME(runtime);
  const auto made =
      make_session_options(runtime, {.providers = {{.name = "TpuExecutionProvider"}}});
  REQUIRE(!made.has_value());
  EXPECT_EQ(made.error().code, base::Code::kFailedPrecondition);
  EXPECT_CONTAINS(made.error().why, "'TpuExecutionProvider'");
  EXPECT_CONTAINS(made.error().why, "CPUExecutionProvider");
}

TEST(model_ort_options, the_cpu_is_there_under_any_of_its_names) {
  OPEN_ONNXRUNTIME(runtime);
  for (const char* const name : {"cpu", "CPU", "CPUExecutionProvider"}) {
    EXPECT(make_session_options(runtime, {.providers = {{.name = name}}}).has_value());
  }
}

TEST(model_ort_options, a_config_entry_without_a_name_is_refused) {
  OPEN_ONNXRUNTIME(runtime);
  EXPECT(!make_session_options(runtime, {.config_entries = {{"", "1"}}}).has_value());
}

}  // namespace
}  // namespace penstock::model
