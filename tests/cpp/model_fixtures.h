// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of cpp/model share: the real ONNX Runtime, the model files, tensors of values.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/tensor.h"
#include "model/executor.h"
#include "model/ort_runtime.h"

namespace penstock::testing {

// The installed library, from PENSTOCK_ONNXRUNTIME. Tests that need it fail without.
inline base::Result<std::unique_ptr<model::OrtRuntime>> open_onnxruntime(
    model::OrtRuntime::Log log = {}, model::ort::Severity severity = model::ort::kFatal) {
  const char* const path = std::getenv("PENSTOCK_ONNXRUNTIME");
  if (path == nullptr) {
    return base::fail(
        base::Code::kNotFound,
        "set PENSTOCK_ONNXRUNTIME to the path of onnxruntime/capi/libonnxruntime.so.1.* "
        "of an installed onnxruntime");
  }
  return model::OrtRuntime::open(
      {.library = path, .preloads = {}, .log_severity = severity, .log = std::move(log)});
}

// Opens it as `name`, or notes the reason as a failure and returns from the test.
#define OPEN_ONNXRUNTIME(name, ...)                                              \
  const auto name##_opened = ::penstock::testing::open_onnxruntime(__VA_ARGS__); \
  if (!name##_opened) {                                                          \
    ::penstock::testing::fail(__FILE__, __LINE__, name##_opened.error().why);    \
    return;                                                                      \
  }                                                                              \
  const ::penstock::model::OrtRuntime& name = **name##_opened

// The path of models/<name>.onnx beside the tests.
inline std::string model_path(std::string_view name) {
  return (std::filesystem::path(__FILE__).parent_path() / "models" / (std::string(name) + ".onnx"))
      .string();
}

inline base::Tensor tensor_of_bytes(base::DType dtype, base::Shape shape,
                                    std::span<const std::byte> bytes) {
  base::Tensor tensor{.dtype = dtype, .shape = shape, .bytes = {}};
  tensor.bytes.owner = base::Buffer::allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(tensor.bytes.owner.data(), bytes.data(), bytes.size());
  tensor.bytes.bytes = tensor.bytes.owner.bytes();
  return tensor;
}

template <class T>
base::Tensor tensor_of(base::DType dtype, base::Shape shape, const std::vector<T>& values) {
  return tensor_of_bytes(dtype, shape, std::as_bytes(std::span(values)));
}

static inline base::Tensor floats(base::Shape shape, const std::vector<float>& values) {
  return tensor_of(base::DType::kFp32, shape, values);
}

// A BYTES tensor, each string with its length before it.
inline base::Tensor strings(base::Shape shape, const std::vector<std::string>& values) {
  std::string bytes;
  for (const std::string& value : values) {
    const auto length = static_cast<std::uint32_t>(value.size());
    bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
    bytes += value;
  }
  return tensor_of_bytes(base::DType::kBytes, shape, std::as_bytes(std::span(bytes)));
}

template <class T>
std::vector<T> values_of(const base::Tensor& tensor) {
  std::vector<T> values(tensor.bytes.bytes.size() / sizeof(T));
  if (!values.empty()) {
    std::memcpy(values.data(), tensor.bytes.bytes.data(), values.size() * sizeof(T));
  }
  return values;
}

inline std::vector<std::byte> bytes_of(const base::Tensor& tensor) {
  return {tensor.bytes.bytes.begin(), tensor.bytes.bytes.end()};
}

// Runs one batch that is one request.
inline base::Result<std::vector<base::Tensor>> run_batch(model::Executor& executor,
                                                         std::int64_t rows,
                                                         const std::vector<base::Tensor>& inputs) {
  std::vector<base::Tensor> outputs;
  const auto done =
      executor.run({.rows = rows, .inputs = inputs, .request_rows = {&rows, 1}}, outputs);
  if (!done) return std::unexpected(done.error());
  return outputs;
}

}  // namespace penstock::testing
