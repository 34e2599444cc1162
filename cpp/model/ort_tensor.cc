// SPDX-License-Identifier: Apache-2.0
#include "model/ort_tensor.h"

#include <cstring>
#include <limits>

#include "base/bytes_elements.h"
#include "model/ort_graph.h"

namespace penstock::model {
namespace {

using base::Code;
using base::fail;
using base::Result;

using Length = base::BytesLength;

std::unexpected<base::Error> out_of_memory(std::size_t bytes) {
  return fail(Code::kResourceExhausted,
              "no memory for an output of " + std::to_string(bytes) + " bytes");
}

Result<> fill_strings(const OrtRuntime& runtime, std::span<const std::byte> bytes,
                      std::size_t count, ort::Value* value) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::kInvalidArgument,
                "a BYTES tensor of " + std::to_string(count) + " strings has " + std::string(why));
  };
  std::span<const std::byte> rest = bytes;
  for (std::size_t i = 0; i < count; ++i) {
    const auto string = base::take_bytes_element(rest);
    if (!string) return refuse("too few bytes");
    char* to = nullptr;
    const auto done =
        runtime.attempt("take a string", ort::kResizeString, value, i, string->size(), &to);
    if (!done) return done;
    if (!string->empty()) std::memcpy(to, string->data(), string->size());
  }
  if (!rest.empty()) return refuse(std::to_string(rest.size()) + " bytes too many");
  return {};
}

Result<> copy_strings(const OrtRuntime& runtime, const ort::Value* value, std::size_t count,
                      base::Tensor& tensor) {
  constexpr std::string_view kDoing = "give a string";
  std::size_t text_bytes = 0;
  auto done = runtime.attempt(kDoing, ort::kGetStringBytes, value, &text_bytes);
  if (!done) return done;
  const std::size_t size = text_bytes + count * sizeof(Length);
  tensor.bytes.owner = base::Buffer::try_allocate(size);
  if (!tensor.bytes.owner && size > 0) return out_of_memory(size);
  std::byte* to = tensor.bytes.owner.data();
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t bytes = 0;
    done = runtime.attempt(kDoing, ort::kGetStringLength, value, i, &bytes);
    if (!done) return done;
    if (bytes > std::numeric_limits<Length>::max()) {
      return fail(Code::kInternal, "an output string of " + std::to_string(bytes) +
                                       " bytes does not fit the protocol's 32-bit length");
    }
    const auto length = static_cast<Length>(bytes);
    std::memcpy(to, &length, sizeof length);
    to += sizeof length;
    done = runtime.attempt(kDoing, ort::kGetString, value, bytes, i, to);
    if (!done) return done;
    to += bytes;
  }
  return {};
}

Result<> copy_numbers(const OrtRuntime& runtime, ort::Value* value, std::size_t count,
                      base::Tensor& tensor) {
  const std::size_t size = count * base::element_bytes(tensor.dtype);
  if (size == 0) return {};
  void* bytes = nullptr;
  const auto done = runtime.attempt("give an output", ort::kGetTensorData, value, &bytes);
  if (!done) return done;
  tensor.bytes.owner = base::Buffer::try_allocate(size);
  if (!tensor.bytes.owner) return out_of_memory(size);
  std::memcpy(tensor.bytes.owner.data(), bytes, size);
  return {};
}

// Datatype and shape; how many elements that is.
Result<std::size_t> read_form(const OrtRuntime& runtime, const ort::Value* value,
                              base::Tensor& tensor) {
  constexpr std::string_view kDoing = "give an output's shape";
  int is_tensor = 0;
  auto done = runtime.attempt(kDoing, ort::kIsTensor, value, &is_tensor);
  if (!done) return std::unexpected(done.error());
  if (is_tensor == 0) return fail(Code::kInternal, "an output came back as no tensor");

  OrtTensorInfo info(runtime);
  int element_type = 0;
  std::size_t rank = 0;
  std::array<std::int64_t, base::kRankMax> dims{};
  done = runtime.attempt(kDoing, ort::kGetTensorInfo, value, info.receive());
  if (done) done = runtime.attempt(kDoing, ort::kGetElementType, info.get(), &element_type);
  if (done) done = runtime.attempt(kDoing, ort::kGetDimensionsCount, info.get(), &rank);
  if (done && rank > dims.size()) {
    return fail(Code::kInternal,
                "an output came back with " + std::to_string(rank) + " dimensions");
  }
  if (done) done = runtime.attempt(kDoing, ort::kGetDimensions, info.get(), dims.data(), rank);
  if (!done) return std::unexpected(done.error());

  const auto dtype = dtype_of_onnx(element_type);
  tensor.shape = base::Shape(std::span(dims).first(rank));
  const auto elements = tensor.shape.elements();
  if (!dtype || !elements) return fail(Code::kInternal, "an output came back of no known form");
  tensor.dtype = *dtype;
  return static_cast<std::size_t>(*elements);
}

}  // namespace

Result<> view_as_value(const OrtRuntime& runtime, std::span<const std::byte> bytes,
                       const base::Shape& shape, int element_type, ort::Value** value) {
  // The library wants an address even for no bytes.
  alignas(base::kTensorAlignment) static std::byte nothing{};
  void* const at = bytes.empty() ? &nothing : const_cast<std::byte*>(bytes.data());
  return runtime.attempt("take a tensor", ort::kCreateTensorWithData, runtime.cpu_memory(), at,
                         bytes.size(), shape.dims().data(), shape.rank(), element_type, value);
}

Result<> strings_as_value(const OrtRuntime& runtime, const base::Tensor& tensor,
                          ort::Value** value) {
  const auto count = tensor.shape.elements();
  // Each string needs its length, so this also bounds what the library is asked to allocate.
  if (!count || std::cmp_greater(*count, tensor.bytes.bytes.size() / sizeof(Length))) {
    return fail(Code::kInvalidArgument, "a BYTES tensor of shape " + tensor.shape.text() +
                                            " has only " +
                                            std::to_string(tensor.bytes.bytes.size()) + " bytes");
  }
  const auto done = runtime.attempt("take strings", ort::kCreateTensor, runtime.allocator(),
                                    tensor.shape.dims().data(), tensor.shape.rank(),
                                    onnx_element_type(base::DType::kBytes), value);
  if (!done) return done;
  return fill_strings(runtime, tensor.bytes.bytes, static_cast<std::size_t>(*count), *value);
}

Result<base::Tensor> copy_of_value(const OrtRuntime& runtime, ort::Value* value) {
  base::Tensor tensor;
  const auto count = read_form(runtime, value, tensor);
  if (!count) return std::unexpected(count.error());
  const auto done = tensor.dtype == base::DType::kBytes
                        ? copy_strings(runtime, value, *count, tensor)
                        : copy_numbers(runtime, value, *count, tensor);
  if (!done) return std::unexpected(done.error());
  tensor.bytes.bytes = tensor.bytes.owner.bytes();
  return tensor;
}

}  // namespace penstock::model
