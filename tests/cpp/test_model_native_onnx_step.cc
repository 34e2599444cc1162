// SPDX-License-Identifier: Apache-2.0
// Compiled models of which a part is left to ONNX Runtime, and that part alone.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "artifact_builder.h"
#include "harness.h"
#include "model/native_executor.h"
#include "model_fixtures.h"

namespace penstock::model {
namespace {

using base::DType;
using testing::floats;
using testing::kFloat32;
using testing::kFloat64;
using testing::kInt64;
using testing::Message;
using testing::run_batch;
using testing::tensor_of;
using testing::values_of;
using Builder = testing::ArtifactBuilder;

using Made = base::Result<std::unique_ptr<NativeExecutor>>;

// More than the largest batch here.
constexpr std::int64_t kRowsMax = 1 << 20;
// Of one call of ONNX Runtime.
constexpr std::int64_t kBlockRowsMax = 4096;

Message part(Builder& builder, std::string_view bytes) {
  return Message().message(1, builder.blob(std::vector<char>(bytes.begin(), bytes.end())));
}

std::string part_named(std::string_view name) {
  std::ifstream file(testing::model_path(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Made make(const Builder& builder, const OrtRuntime* runtime, std::size_t threads = 1) {
  const auto artifact = testing::parsed(builder.file());
  if (!artifact) return std::unexpected(artifact.error());
  return NativeExecutor::make(*artifact, {}, runtime, kRowsMax, threads);
}

std::string refusal(const Made& made) { return made ? "it loaded" : made.error().why; }

// y = relu(x) * {10, 100, 1000}[which]: a native layer, then the part.
Builder scaled_layer() {
  Builder builder;
  const auto x = builder.input("x", "FP32", kFloat32, {2});
  const auto which = builder.input("which", "INT64", kInt64, {1});
  const Message layer = testing::dense(builder, {1, 0, 0, 1}, {0, 0});
  const auto positive = builder.step(testing::kDense, layer, {x}, kFloat32, 2);
  const Message gather = part(builder, part_named("part_gather"));
  const auto y = builder.step(testing::kOnnx, gather, {positive, which}, kFloat32, 2);
  builder.output("y", "FP32", y, {2});
  return builder;
}

// y = x + how many rows came with the same call: the part between two native steps, which halve
// and double, so that no value of its is an input or an output.
Builder counted_rows() {
  Builder builder;
  const auto x = builder.input("x", "FP64", kFloat32, {1});
  const Message halves = testing::dense(builder, {0.5F}, {0}, 0);
  const auto half = builder.step(testing::kDense, halves, {x}, kFloat32, 1);
  const Message counts = part(builder, part_named("part_rows"));
  const auto counted = builder.step(testing::kOnnx, counts, {half}, kFloat32, 1);
  const Message doubles = testing::dense(builder, {2}, {0}, 0);
  const auto y = builder.step(testing::kDense, doubles, {counted}, kFloat32, 1);
  builder.output("y", "FP64", y, {1});
  return builder;
}

// A part alone, of a value of that kind and width to another.
Builder alone(std::string_view bytes, std::uint32_t in_kind, std::uint64_t in_width,
              std::uint32_t out_kind, std::uint64_t out_width) {
  Builder builder;
  const auto name_of = [](std::uint32_t kind) { return kind == kFloat32 ? "FP32" : "FP64"; };
  const auto x = builder.input("x", name_of(in_kind), in_kind, {in_width});
  const auto y = builder.step(testing::kOnnx, part(builder, bytes), {x}, out_kind, out_width);
  builder.output("y", name_of(out_kind), y, {out_width});
  return builder;
}

TEST(model_native_onnx_step, a_part_reads_what_native_steps_wrote_and_what_was_asked) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = make(scaled_layer(), &runtime);
  REQUIRE(model.has_value());
  EXPECT((*model)->traits().is_native);
  // Twice and of another number of rows: what is kept between calls is nothing of a call's.
  for (const std::int64_t rows : {3, 1, 3}) {
    std::vector<float> x = {1, -2, 3, 4, -5, 6};
    std::vector<std::int64_t> which = {2, 0, 1};
    std::vector<float> wanted = {1000, 0, 30, 40, 0, 600};
    x.resize(static_cast<std::size_t>(rows) * 2);
    wanted.resize(x.size());
    which.resize(static_cast<std::size_t>(rows));
    const auto outputs = run_batch(
        **model, rows, {floats({rows, 2}, x), tensor_of(DType::kInt64, {rows, 1}, which)});
    REQUIRE(outputs.has_value());
    EXPECT_EQ(values_of<float>(outputs->front()), wanted);
  }
}

TEST(model_native_onnx_step, many_rows_go_through_in_blocks_of_at_most_4096) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = make(counted_rows(), &runtime);
  REQUIRE(model.has_value());
  for (const std::int64_t rows : {std::int64_t{1}, kBlockRowsMax, 2 * kBlockRowsMax + 100}) {
    std::vector<double> x;
    std::vector<double> wanted;
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t begin = i / kBlockRowsMax * kBlockRowsMax;
      const std::int64_t block = std::min(kBlockRowsMax, rows - begin);
      x.push_back(static_cast<double>(i));
      wanted.push_back(x.back() + 2 * static_cast<double>(block));
    }
    const auto outputs = run_batch(**model, rows, {tensor_of(DType::kFp64, {rows, 1}, x)});
    REQUIRE(outputs.has_value());
    EXPECT(values_of<double>(outputs->front()) == wanted);
  }
}

TEST(model_native_onnx_step, a_call_that_fails_is_an_error_and_the_next_one_is_answered) {
  OPEN_ONNXRUNTIME(runtime);
  for (const std::size_t threads : {1, 2}) {
    const auto model = make(scaled_layer(), &runtime, threads);
    REQUIRE(model.has_value());
    const std::int64_t rows = 2 * kBlockRowsMax;
    const auto count = static_cast<std::size_t>(rows);
    const std::vector<float> x(2 * count, 1);
    std::vector<std::int64_t> which(count, 1);
    const auto run = [&] {
      return run_batch(**model, rows,
                       {floats({rows, 2}, x), tensor_of(DType::kInt64, {rows, 1}, which)});
    };
    // In either block.
    for (const std::size_t bad : {std::size_t{0}, count - 1}) {
      which[bad] = 3;
      const auto failed = run();
      REQUIRE(!failed.has_value());
      EXPECT_CONTAINS(failed.error().why,
                      "step 's': onnxruntime could not run the part that did not compile: ");
      EXPECT_CONTAINS(failed.error().why, "idx=3");
      which[bad] = 1;
      const auto outputs = run();
      REQUIRE(outputs.has_value());
      EXPECT(values_of<float>(outputs->front()) == std::vector<float>(2 * count, 100));
    }
  }
}

TEST(model_native_onnx_step, a_part_that_writes_another_width_is_an_error_of_each_call) {
  OPEN_ONNXRUNTIME(runtime);
  const auto model = make(alone(part_named("part_rows"), kFloat32, 1, kFloat32, 2), &runtime);
  REQUIRE(model.has_value());
  const auto failed = run_batch(**model, 1, {floats({1, 1}, {5})});
  REQUIRE(!failed.has_value());
  EXPECT_CONTAINS(failed.error().why, "could not run the part that did not compile");
}

TEST(model_native_onnx_step, without_onnxruntime_it_is_refused_at_load) {
  EXPECT_EQ(refusal(make(scaled_layer(), nullptr)),
            "step 's': it did not compile and needs ONNX Runtime, which is not installed; "
            "pip install onnxruntime");
}

TEST(model_native_onnx_step, what_onnxruntime_refuses_is_refused_at_load) {
  OPEN_ONNXRUNTIME(runtime);
  const std::string whole = part_named("part_rows");
  for (const std::string& bytes : {std::string("no graph at all"), whole.substr(0, 40)}) {
    EXPECT_CONTAINS(refusal(make(alone(bytes, kFloat32, 1, kFloat32, 1), &runtime)),
                    "step 's': onnxruntime could not load the part that did not compile: ");
  }
}

TEST(model_native_onnx_step, other_ports_than_the_steps_are_refused_at_load) {
  OPEN_ONNXRUNTIME(runtime);
  const std::string wanted = "step 's': its ONNX model has other inputs and outputs: wanted ";
  const std::string rows = part_named("part_rows");
  // Other datatypes, other names, more inputs, more outputs.
  EXPECT_EQ(refusal(make(alone(rows, kFloat64, 1, kFloat32, 1), &runtime)),
            wanted + "r0 of FP64, and w of FP32");
  EXPECT_EQ(refusal(make(alone(rows, kFloat32, 1, kFloat64, 1), &runtime)),
            wanted + "r0 of FP32, and w of FP64");
  for (const std::string_view name : {"affine", "part_gather", "mixed"}) {
    EXPECT_EQ(refusal(make(alone(part_named(name), kFloat32, 3, kFloat32, 3), &runtime)),
              wanted + "r0 of FP32, and w of FP32");
  }
}

}  // namespace
}  // namespace penstock::model
