// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/tensor.h"

namespace penstock::wire {

using ParameterValue = std::variant<bool, std::int64_t, std::string_view, double, std::uint64_t>;

struct Parameter {
  std::string_view name;
  ParameterValue value;
};

// A range of InferRequest::parameters_pool.
struct ParameterRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

// One input as the message gave it, unchecked against any model: `bytes` are the raw form of the
// tensor, unaligned, whether they came as raw_input_contents or as typed contents; none for a
// tensor in shared memory.
struct InferInput {
  std::string_view name;
  base::DType dtype = base::DType::kFp32;
  base::Shape shape;
  base::Slice bytes;  // owner: the message's buffer, or a block decoded from typed contents
  ParameterRange parameters;
};

// The parameters that say where a tensor is, instead of bytes in the message.
inline constexpr std::string_view kSharedMemoryRegion = "shared_memory_region";
inline constexpr std::string_view kSharedMemoryByteSize = "shared_memory_byte_size";
inline constexpr std::string_view kSharedMemoryOffset = "shared_memory_offset";

struct RequestedOutput {
  std::string_view name;
  ParameterRange parameters;
};

// A decoded ModelInferRequest. All views point into the message it was decoded from. Made to be
// decoded into again and again: its vectors keep their capacity.
struct InferRequest {
  std::string_view model_name;
  std::string_view model_version;  // empty: the one the server chooses
  std::string_view id;
  ParameterRange parameters;
  std::vector<InferInput> inputs;
  std::vector<RequestedOutput> outputs;  // empty: all of the model's
  std::vector<Parameter> parameters_pool;

  std::span<const Parameter> parameters_of(ParameterRange range) const {
    return std::span(parameters_pool).subspan(range.begin, range.end - range.begin);
  }
  // Whether the tensor's bytes are in a shared memory region, as its parameters say; whether they
  // say it rightly is for serving/shared_tensors.h.
  bool is_shared(const InferInput& input) const {
    for (const Parameter& parameter : parameters_of(input.parameters)) {
      if (parameter.name == kSharedMemoryRegion) return true;
    }
    return false;
  }
  void clear() {
    model_name = model_version = id = {};
    parameters = {};
    inputs.clear();
    outputs.clear();
    parameters_pool.clear();
  }
};

}  // namespace penstock::wire
