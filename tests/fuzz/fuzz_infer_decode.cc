// SPDX-License-Identifier: Apache-2.0
// The decoders of inference.GRPCInferenceService and grpc.health.v1. Of a request that is accepted
// every view lies in the message or in a block of its own, and bytes match shape and datatype.
#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "base/text.h"
#include "fuzz_input.h"
#include "wire/infer_codec.h"
#include "wire/limits.h"
#include "wire/v2_messages.h"

namespace penstock::fuzzing {
namespace {

bool lies_in(std::span<const std::byte> part, std::span<const std::byte> whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_text(std::string_view text, const base::Slice& message) {
  PENSTOCK_CHECK(lies_in(bytes_of(text), message.bytes));
  PENSTOCK_CHECK(base::is_utf8(text));
}

void check_parameters(const wire::InferRequest& request, wire::ParameterRange range,
                      const base::Slice& message) {
  PENSTOCK_CHECK(range.begin <= range.end && range.end <= request.parameters_pool.size());
  for (const wire::Parameter& parameter : request.parameters_of(range)) {
    check_text(parameter.name, message);
    if (const auto* text = std::get_if<std::string_view>(&parameter.value)) {
      check_text(*text, message);
    }
  }
}

void check_bytes_elements(std::span<const std::byte> bytes, std::int64_t elements) {
  for (; elements > 0; --elements) {
    PENSTOCK_CHECK(bytes.size() >= 4);
    std::uint32_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      size |= std::to_integer<std::uint32_t>(bytes[i]) << (8 * i);
    }
    PENSTOCK_CHECK(bytes.size() - 4 >= size);
    bytes = bytes.subspan(4 + std::size_t{size});
  }
  PENSTOCK_CHECK(bytes.empty());
}

// `is_shared`: its bytes are to come from a region.
void check_input(const wire::InferInput& input, bool is_shared, const base::Slice& message) {
  const std::span<const std::byte> bytes = input.bytes.bytes;
  PENSTOCK_CHECK(lies_in(bytes, message.bytes) || lies_in(bytes, input.bytes.owner.bytes()));
  PENSTOCK_CHECK(bytes.empty() || input.bytes.owner);
  touch(text_of(bytes));
  const auto elements = input.shape.elements();
  PENSTOCK_CHECK(elements.has_value() && *elements >= 0);
  if (is_shared && bytes.empty()) return;
  if (input.dtype == base::DType::kBytes) return check_bytes_elements(bytes, *elements);
  PENSTOCK_CHECK(bytes.size() ==
                 static_cast<std::size_t>(*elements) * base::element_bytes(input.dtype));
}

void check_accepted(const wire::InferRequest& request, const base::Slice& message) {
  check_text(request.model_name, message);
  check_text(request.model_version, message);
  check_text(request.id, message);
  check_parameters(request, request.parameters, message);
  PENSTOCK_CHECK(request.inputs.size() <= wire::kInputsMax);
  PENSTOCK_CHECK(request.outputs.size() <= wire::kRequestedOutputsMax);
  PENSTOCK_CHECK(request.parameters_pool.size() <= wire::kParametersMax);
  std::vector<std::string_view> names;
  for (const wire::InferInput& input : request.inputs) {
    check_text(input.name, message);
    check_parameters(request, input.parameters, message);
    check_input(input, request.is_shared(input), message);
    names.push_back(input.name);
  }
  std::ranges::sort(names);
  PENSTOCK_CHECK(std::ranges::adjacent_find(names) == names.end());
  for (const wire::RequestedOutput& output : request.outputs) {
    check_text(output.name, message);
    check_parameters(request, output.parameters, message);
  }
}

// The inputs as the outputs of an answer: the encoder counts its bytes before it writes them.
void check_answer(const wire::InferRequest& request) {
  std::vector<base::Tensor> tensors;
  for (const wire::InferInput& input : request.inputs) {
    tensors.push_back({.dtype = input.dtype, .shape = input.shape, .bytes = input.bytes});
  }
  std::vector<wire::InferOutput> outputs;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    outputs.push_back({request.inputs[i].name, &tensors[i]});
  }
  wire::EncodedMessage encoded;
  wire::encode_infer_answer({.model_name = request.model_name,
                             .model_version = request.model_version,
                             .id = request.id,
                             .outputs = outputs},
                            0, encoded);
  std::size_t size = 0;
  for (const base::Slice& piece : encoded.pieces) {
    touch(text_of(piece.bytes));
    size += piece.bytes.size();
  }
  PENSTOCK_CHECK(size == encoded.size);
}

void check_small_messages(std::string_view message) {
  if (const auto query = wire::decode_model_query(message)) {
    PENSTOCK_CHECK(base::is_utf8(query->name) && base::is_utf8(query->version));
    PENSTOCK_CHECK(lies_in(bytes_of(query->name), bytes_of(message)));
    PENSTOCK_CHECK(lies_in(bytes_of(query->version), bytes_of(message)));
  }
  if (const auto service = wire::decode_health_request(message)) {
    PENSTOCK_CHECK(lies_in(bytes_of(*service), bytes_of(message)));
    touch(*service);
  }
}

void run(Input input) {
  const std::string_view text = input.rest();
  check_small_messages(text);
  // At the end of its block, where a step too far is seen.
  const base::Buffer block = base::Buffer::allocate(text.size());
  std::copy_n(text.data(), text.size(), reinterpret_cast<char*>(block.data()));
  const base::Slice message{block, block.bytes()};
  wire::InferRequest request;
  const auto decoded = wire::decode_infer_request(message, request);
  if (!decoded) {
    PENSTOCK_CHECK(!decoded.error().why.empty() && base::is_utf8(decoded.error().why));
    PENSTOCK_CHECK(request.inputs.empty() && request.outputs.empty());
    return;
  }
  check_accepted(request, message);
  check_answer(request);
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::run({bytes, size});
  return 0;
}
