// SPDX-License-Identifier: Apache-2.0
#include "model/ort_graph.h"

#include <array>

namespace penstock::model {
namespace {

using base::DType;
using base::Result;

constexpr std::string_view kDoing = "read the model's signature";

// ONNX's TensorProto.DataType, which onnxruntime shares; indexed by that number.
constexpr std::array<std::optional<DType>, 17> kDTypes = {
    std::nullopt,   DType::kFp32,   DType::kUint8, DType::kInt8, DType::kUint16, DType::kInt16,
    DType::kInt32,  DType::kInt64,  DType::kBytes, DType::kBool, DType::kFp16,   DType::kFp64,
    DType::kUint32, DType::kUint64, std::nullopt,  std::nullopt, DType::kBf16,
};

// What stands in the place of a tensor, for an error.
std::string kind_text(int kind) {
  switch (kind) {
    case ort::kSequence: return "a sequence";
    case ort::kMap: return "a map";
    case ort::kSparseTensor: return "a sparse tensor";
    case ort::kOptional: return "an optional value";
    default: return "not a tensor";
  }
}

// Which functions of the table read inputs, outputs or initializers.
struct Side {
  decltype(ort::kSessionGetInputCount) count;
  decltype(ort::kSessionGetInputName) name;
  decltype(ort::kSessionGetInputType) type;
};
constexpr Side kInputs{ort::kSessionGetInputCount, ort::kSessionGetInputName,
                       ort::kSessionGetInputType};
constexpr Side kOutputs{ort::kSessionGetOutputCount, ort::kSessionGetOutputName,
                        ort::kSessionGetOutputType};
constexpr Side kInitializers{ort::kSessionGetInitializerCount, ort::kSessionGetInitializerName,
                             ort::kSessionGetInitializerType};

Result<> read_name(const OrtRuntime& runtime, const ort::Session* session, const Side& side,
                   std::size_t index, GraphTensor& tensor) {
  char* name = nullptr;
  auto done = runtime.attempt(kDoing, side.name, session, index, runtime.allocator(), &name);
  if (!done) return done;
  tensor.name = name;
  return runtime.attempt(kDoing, ort::kAllocatorFree, runtime.allocator(), name);
}

Result<> read_shape(const OrtRuntime& runtime, const ort::TensorInfo* info, GraphTensor& tensor) {
  if (!runtime.call(ort::kHasShape, info)) return {};
  std::size_t rank = 0;
  auto done = runtime.attempt(kDoing, ort::kGetDimensionsCount, info, &rank);
  if (!done) return done;
  if (rank > base::kRankMax) {
    return base::fail(base::Code::kInvalidArgument,
                      "'" + tensor.name + "' of the model has " + std::to_string(rank) +
                          " dimensions; at most " + std::to_string(base::kRankMax) +
                          " are supported");
  }
  std::vector<std::int64_t> dims(rank);
  std::array<const char*, base::kRankMax> symbols{};
  done = runtime.attempt(kDoing, ort::kGetDimensions, info, dims.data(), rank);
  if (done) {
    done = runtime.attempt(kDoing, ort::kGetSymbolicDimensions, info, symbols.data(), rank);
  }
  if (!done) return done;
  tensor.dims = std::move(dims);
  for (std::size_t i = 0; i < rank; ++i) {
    tensor.symbols.emplace_back(symbols[i] == nullptr ? "" : symbols[i]);
  }
  return {};
}

Result<> read_type(const OrtRuntime& runtime, const ort::Session* session, const Side& side,
                   std::size_t index, GraphTensor& tensor) {
  OrtTypeInfo type(runtime);
  auto done = runtime.attempt(kDoing, side.type, session, index, type.receive());
  int kind = ort::kUnknownKind;
  if (done) done = runtime.attempt(kDoing, ort::kGetValueKind, type.get(), &kind);
  if (!done) return done;
  if (kind != ort::kTensor) {
    tensor.kind = kind_text(kind);
    return {};
  }
  const ort::TensorInfo* info = nullptr;  // belongs to `type`
  int element_type = 0;
  done = runtime.attempt(kDoing, ort::kCastToTensorInfo, type.get(), &info);
  if (done) done = runtime.attempt(kDoing, ort::kGetElementType, info, &element_type);
  if (!done) return done;
  tensor.dtype = dtype_of_onnx(element_type);
  if (!tensor.dtype) {
    tensor.kind = "a tensor of ONNX element type " + std::to_string(element_type);
  }
  return read_shape(runtime, info, tensor);
}

Result<> read_side(const OrtRuntime& runtime, const ort::Session* session, const Side& side,
                   bool has_default, std::vector<GraphTensor>& tensors) {
  std::size_t count = 0;
  auto done = runtime.attempt(kDoing, side.count, session, &count);
  for (std::size_t i = 0; done && i < count; ++i) {
    GraphTensor& tensor = tensors.emplace_back();
    tensor.has_default = has_default;
    done = read_name(runtime, session, side, i, tensor);
    if (done) done = read_type(runtime, session, side, i, tensor);
  }
  return done;
}

}  // namespace

int onnx_element_type(DType dtype) {
  for (std::size_t i = 0; i < kDTypes.size(); ++i) {
    if (kDTypes[i] == dtype) return static_cast<int>(i);
  }
  PENSTOCK_CHECK(false && "a datatype without an ONNX number");
  return 0;
}

std::optional<DType> dtype_of_onnx(int element_type) {
  const auto index = static_cast<std::size_t>(element_type);
  return index < kDTypes.size() ? kDTypes[index] : std::nullopt;
}

Result<GraphSignature> read_graph_signature(const OrtRuntime& runtime,
                                            const ort::Session* session) {
  GraphSignature graph;
  auto done = read_side(runtime, session, kInputs, false, graph.inputs);
  if (done) done = read_side(runtime, session, kInitializers, true, graph.inputs);
  if (done) done = read_side(runtime, session, kOutputs, false, graph.outputs);
  if (!done) return std::unexpected(done.error());
  return graph;
}

}  // namespace penstock::model
