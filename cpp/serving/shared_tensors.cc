// SPDX-License-Identifier: Apache-2.0
#include "serving/shared_tensors.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "wire/tensor_checks.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::fail;
using base::Result;
using memory::single_quoted;

std::unexpected<base::Error> refuse(std::string why) {
  return fail(Code::kInvalidArgument, std::move(why));
}

Result<std::uint64_t> number_of(const wire::Parameter& parameter, std::string_view tensor) {
  std::optional<std::uint64_t> number;
  if (const auto* const value = std::get_if<std::int64_t>(&parameter.value)) {
    if (*value >= 0) number = static_cast<std::uint64_t>(*value);
  } else if (const auto* const unsigned_value = std::get_if<std::uint64_t>(&parameter.value)) {
    number = *unsigned_value;
  }
  if (number) return *number;
  return refuse("invalid value for " + single_quoted(parameter.name) + " parameter for tensor " +
                single_quoted(tensor) + ": a whole number of at least 0 is wanted (int64_param)");
}

// What a tensor's parameters say of shared memory; nothing if they say nothing.
Result<std::optional<wire::SharedPlace>> place_in(std::span<const wire::Parameter> parameters,
                                                  std::string_view tensor) {
  const wire::Parameter* region = nullptr;
  const wire::Parameter* byte_size = nullptr;
  const wire::Parameter* offset = nullptr;
  for (const wire::Parameter& parameter : parameters) {
    if (parameter.name == wire::kSharedMemoryRegion) region = &parameter;
    if (parameter.name == wire::kSharedMemoryByteSize) byte_size = &parameter;
    if (parameter.name == wire::kSharedMemoryOffset) offset = &parameter;
  }
  if (region == nullptr) {
    const wire::Parameter* const alone = byte_size != nullptr ? byte_size : offset;
    if (alone == nullptr) return std::nullopt;
    return refuse(single_quoted(alone->name) +
                  " can not be specified without 'shared_memory_region' parameter for tensor " +
                  single_quoted(tensor));
  }
  const auto* const name = std::get_if<std::string_view>(&region->value);
  if (name == nullptr) {
    return refuse("invalid value type for 'shared_memory_region' parameter for tensor " +
                  single_quoted(tensor) + ", expected string_param.");
  }
  if (byte_size == nullptr) {
    return refuse(
        "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter "
        "for tensor " +
        single_quoted(tensor));
  }
  wire::SharedPlace place{.region = *name};
  const auto size = number_of(*byte_size, tensor);
  if (!size) return std::unexpected(size.error());
  place.byte_size = *size;
  if (offset != nullptr) {
    const auto from = number_of(*offset, tensor);
    if (!from) return std::unexpected(from.error());
    place.offset = *from;
  }
  return place;
}

// Of BYTES the size cannot be known before the elements were looked at.
Result<> check_size(const wire::InferInput& input, const wire::SharedPlace& place) {
  if (input.dtype == base::DType::kBytes) return {};
  const auto elements = wire::count_elements(input);
  if (!elements) return std::unexpected(elements.error());
  const std::size_t wanted = static_cast<std::size_t>(*elements) * base::element_bytes(input.dtype);
  if (place.byte_size == wanted) return {};
  return refuse(wire::describe(input) + " needs " + std::to_string(wanted) +
                " bytes, its shared_memory_byte_size is " + std::to_string(place.byte_size));
}

bool is_classified(std::span<const wire::Parameter> parameters) {
  return std::ranges::find(parameters, "classification", &wire::Parameter::name) !=
         parameters.end();
}

}  // namespace

base::Error shared_memory_is_off() {
  return {Code::kUnavailable,
          "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to "
          "enable."};
}

Result<std::size_t> locate_shared_inputs(memory::RegionTable* regions,
                                         const wire::InferRequest& request,
                                         std::vector<SharedInput>& inputs) {
  inputs.clear();
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const wire::InferInput& input = request.inputs[i];
    const auto place = place_in(request.parameters_of(input.parameters), input.name);
    if (!place) return std::unexpected(place.error());
    if (!*place) continue;
    if (regions == nullptr) return std::unexpected(shared_memory_is_off());
    if (!input.bytes.bytes.empty()) {
      return refuse("unexpected 'content' provided when using shared memory for input tensor " +
                    single_quoted(input.name) + " for model " + single_quoted(request.model_name));
    }
    if (auto sized = check_size(input, **place); !sized) return std::unexpected(sized.error());
    auto part = regions->find((*place)->region, (*place)->offset, (*place)->byte_size);
    if (!part) return std::unexpected(part.error());
    // Files without pages behind them may be of any size.
    if (__builtin_add_overflow(bytes, part->byte_size, &bytes)) {
      bytes = std::numeric_limits<std::size_t>::max();
    }
    inputs.push_back({.index = i, .part = std::move(*part)});
  }
  return bytes;
}

Result<> read_shared_inputs(std::span<const SharedInput> inputs, wire::InferRequest& request) {
  for (const SharedInput& shared : inputs) {
    wire::InferInput& input = request.inputs[shared.index];
    const std::uint64_t bytes = shared.part.byte_size;
    base::Buffer block = base::Buffer::try_allocate(bytes);
    if (bytes > 0 && !block) {
      return fail(Code::kResourceExhausted, "no memory for the " + std::to_string(bytes) +
                                                " bytes of input " + single_quoted(input.name));
    }
    const std::span<std::byte> to = block.bytes();
    if (auto read = shared.part.region->read(shared.part.offset, to); !read) return read;
    input.bytes = {std::move(block), to};
    if (auto checked = wire::check_raw_bytes(input); !checked) return checked;
  }
  return {};
}

Result<> locate_shared_outputs(memory::RegionTable* regions, const wire::InferRequest& request,
                               std::span<const std::uint32_t> wanted,
                               std::vector<SharedOutput>& outputs) {
  outputs.clear();
  PENSTOCK_CHECK(wanted.size() == request.outputs.size());
  for (std::size_t i = 0; i < request.outputs.size(); ++i) {
    const wire::RequestedOutput& output = request.outputs[i];
    const auto parameters = request.parameters_of(output.parameters);
    const auto place = place_in(parameters, output.name);
    if (!place) return std::unexpected(place.error());
    if (!*place) continue;
    if (regions == nullptr) return std::unexpected(shared_memory_is_off());
    if (is_classified(parameters)) {
      return refuse("output can't set both 'shared_memory_region' and 'classification', " +
                    single_quoted(output.name) + " does");
    }
    auto part = regions->find((*place)->region, (*place)->offset, (*place)->byte_size);
    if (!part) return std::unexpected(part.error());
    outputs.push_back({.index = wanted[i], .part = std::move(*part)});
  }
  return {};
}

Result<> write_shared_outputs(std::span<const SharedOutput> outputs,
                              std::span<const base::TensorSpec> specs,
                              std::span<const base::Tensor> tensors) {
  for (const SharedOutput& shared : outputs) {
    const std::size_t bytes = tensors[shared.index].bytes.bytes.size();
    if (bytes <= shared.part.byte_size) continue;
    return refuse("shared memory size specified with the request for output " +
                  single_quoted(specs[shared.index].name) + " (" +
                  std::to_string(shared.part.byte_size) + " bytes) should be at least " +
                  std::to_string(bytes) + " bytes to hold the results");
  }
  for (const SharedOutput& shared : outputs) {
    const std::span<const std::byte> bytes = tensors[shared.index].bytes.bytes;
    if (auto written = shared.part.region->write(shared.part.offset, bytes); !written) {
      return written;
    }
  }
  return {};
}

std::optional<wire::SharedPlace> place_of(std::span<const SharedOutput> outputs,
                                          std::uint32_t index, const base::Tensor& tensor) {
  const auto found = std::ranges::find(outputs, index, &SharedOutput::index);
  if (found == outputs.end()) return std::nullopt;
  return wire::SharedPlace{.region = found->part.region->spec().name,
                           .offset = found->part.offset,
                           .byte_size = tensor.bytes.bytes.size()};
}

}  // namespace penstock::serving
