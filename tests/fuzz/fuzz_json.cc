// SPDX-License-Identifier: Apache-2.0
// The JSON of the REST API. Of a request that is accepted, bytes match shape and datatype and what
// is written of them reads back as the same; whatever lies behind the text changes nothing.
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "fuzz_input.h"
#include "wire/json_infer_decode.h"
#include "wire/json_infer_encode.h"
#include "wire/json_messages.h"
#include "wire/json_v1_predict.h"
#include "wire/limits.h"
#include "wire/raw_infer.h"

namespace penstock::fuzzing {
namespace {

constexpr std::size_t kElementsMax = 1 << 20;

base::Slice slice_of(std::string_view text, std::string_view behind = {}) {
  const base::Buffer block = base::Buffer::allocate(text.size() + behind.size());
  char* const at = std::copy_n(text.data(), text.size(), reinterpret_cast<char*>(block.data()));
  std::copy_n(behind.data(), behind.size(), at);
  return {block, block.bytes().first(text.size())};
}

void check_parameters(const wire::InferRequest& request, wire::ParameterRange range) {
  PENSTOCK_CHECK(range.begin <= range.end && range.end <= request.parameters_pool.size());
  for (const wire::Parameter& parameter : request.parameters_of(range)) {
    PENSTOCK_CHECK(base::is_utf8(parameter.name));
    if (const auto* text = std::get_if<std::string_view>(&parameter.value)) touch(*text);
  }
}

bool is_shared(const wire::InferRequest& request, const wire::InferInput& input) {
  return std::ranges::any_of(request.parameters_of(input.parameters), [](const auto& parameter) {
    return parameter.name == "shared_memory_region";
  });
}

void check_accepted(const wire::InferRequest& request) {
  PENSTOCK_CHECK(base::is_utf8(request.id) && request.id.size() <= wire::kIdBytesMax);
  PENSTOCK_CHECK(request.inputs.size() <= wire::kInputsMax);
  PENSTOCK_CHECK(request.outputs.size() <= wire::kRequestedOutputsMax);
  PENSTOCK_CHECK(request.parameters_pool.size() <= wire::kParametersMax);
  check_parameters(request, request.parameters);
  for (const wire::RequestedOutput& output : request.outputs) {
    PENSTOCK_CHECK(!output.name.empty() && base::is_utf8(output.name));
    check_parameters(request, output.parameters);
  }
  for (const wire::InferInput& input : request.inputs) {
    PENSTOCK_CHECK(!input.name.empty() && base::is_utf8(input.name));
    check_parameters(request, input.parameters);
    touch(text_of(input.bytes.bytes));
    const auto elements = input.shape.elements();
    PENSTOCK_CHECK(elements.has_value());
    if (input.dtype == base::DType::kBytes || is_shared(request, input)) continue;
    PENSTOCK_CHECK(input.bytes.bytes.size() ==
                   static_cast<std::size_t>(*elements) * base::element_bytes(input.dtype));
  }
}

std::string text_of_message(const wire::EncodedMessage& message) {
  std::string text;
  for (const base::Slice& piece : message.pieces) text += text_of(piece.bytes);
  PENSTOCK_CHECK(text.size() == message.size);
  return text;
}

std::vector<base::Tensor> tensors_of(const wire::InferRequest& request) {
  std::vector<base::Tensor> tensors;
  for (const wire::InferInput& input : request.inputs) {
    tensors.push_back({.dtype = input.dtype, .shape = input.shape, .bytes = input.bytes});
  }
  return tensors;
}

// The inputs as an answer's outputs; empty where one of them cannot be JSON.
std::string written(const wire::InferRequest& request, wire::ElementsPlace place,
                    std::size_t& json_bytes) {
  const std::vector<base::Tensor> tensors = tensors_of(request);
  std::vector<wire::JsonOutput> outputs;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    outputs.push_back({.name = request.inputs[i].name, .tensor = &tensors[i], .place = place});
  }
  wire::EncodedMessage message;
  const auto encoded = wire::encode_json_answer({.model_name = "m",
                                                 .model_version = "1",
                                                 .id = request.id,
                                                 .parameters = {},
                                                 .outputs = outputs},
                                                message);
  if (!encoded) {
    PENSTOCK_CHECK(place == wire::ElementsPlace::kJson);
    return {};
  }
  json_bytes = *encoded;
  return text_of_message(message);
}

// An answer is a request if its outputs are called inputs.
std::string as_request(std::string text, std::size_t& json_bytes) {
  const std::size_t at = text.rfind("\"outputs\":[{\"name\"", json_bytes);
  if (at == std::string::npos) return {};
  json_bytes -= 1;
  return text.replace(at, 9, "\"inputs\"");
}

void check_round_trip(const wire::InferRequest& request) {
  for (const wire::InferInput& input : request.inputs) {
    if (is_shared(request, input) || *input.shape.elements() > std::int64_t{kElementsMax}) return;
  }
  for (const auto place : {wire::ElementsPlace::kJson, wire::ElementsPlace::kBytes}) {
    std::size_t json_bytes = 0;
    const std::string answer = written(request, place, json_bytes);
    const std::size_t answer_json_bytes = json_bytes;
    const std::string text = as_request(answer, json_bytes);
    if (text.empty()) continue;
    wire::JsonScratch scratch;
    wire::InferRequest again;
    const base::Slice body = slice_of(text);
    PENSTOCK_CHECK(wire::decode_json_infer(scratch, body, json_bytes, again).has_value());
    std::size_t json_bytes_again = 0;
    PENSTOCK_CHECK(written(again, place, json_bytes_again) == answer);
    PENSTOCK_CHECK(json_bytes_again == answer_json_bytes);
  }
}

void check_refusal(const base::Error& error, const wire::InferRequest& request) {
  PENSTOCK_CHECK(!error.why.empty() && base::is_utf8(error.why));
  PENSTOCK_CHECK(request.inputs.empty() && request.outputs.empty());
  touch(wire::encode_json_error(error.why));
}

void run_v2(Input input) {
  const std::size_t binary_bytes = input.u8();
  const std::string_view text = input.rest();
  const std::size_t json_bytes = text.size() - std::min(binary_bytes, text.size());
  wire::JsonScratch scratch;
  wire::InferRequest request;
  const base::Slice body = slice_of(text);
  const auto decoded = wire::decode_json_infer(scratch, body, json_bytes, request);
  if (!decoded) return check_refusal(decoded.error(), request);
  check_accepted(request);
  for (const wire::RequestedOutput& output : request.outputs) wire::wants_binary(request, output);
  check_round_trip(request);
}

base::Signature signature_of(std::uint8_t choice) {
  const auto first = static_cast<base::DType>(choice % base::kDTypeCount);
  base::Signature signature{.inputs = {{.name = "x", .dtype = first, .dims = {-1, 2}}},
                            .outputs = {},
                            .batch_rows_max = choice % 2 * 4};
  if (choice >= 128) {
    signature.inputs.push_back(
        {.name = "y", .dtype = base::DType::kBytes, .dims = {-1}, .is_optional = choice >= 192});
  }
  return signature;
}

void run_v1(Input input) {
  const base::Signature signature = signature_of(input.u8());
  const base::Slice body = slice_of(input.rest());
  wire::JsonScratch scratch;
  wire::InferRequest request;
  const auto form = wire::decode_v1_predict(scratch, body, signature, request);
  if (!form) return check_refusal(form.error(), request);
  check_accepted(request);
  const std::vector<base::Tensor> tensors = tensors_of(request);
  std::vector<wire::InferOutput> outputs;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    outputs.push_back({request.inputs[i].name, &tensors[i]});
  }
  wire::EncodedMessage message;
  PENSTOCK_CHECK(wire::encode_v1_answer(*form, outputs, message).has_value());
  touch(text_of_message(message));
}

void run_raw(Input input) {
  const base::Signature signature = signature_of(input.u8());
  const base::Slice body = slice_of(input.rest());
  wire::InferRequest request;
  const auto decoded = wire::decode_raw_infer(body, signature, request);
  if (!decoded) return check_refusal(decoded.error(), request);
  check_accepted(request);
}

// A text that is long enough is read where it lies, with anything behind it.
void run_in_place(Input input) {
  constexpr std::size_t kSpaces = std::size_t{64} << 10;
  const std::string_view behind = input.bytes(wire::kJsonPaddingBytes);
  const std::string text(input.rest());
  const std::string spaced = std::string(kSpaces, ' ') + text;
  std::string padding(behind);
  padding.resize(wire::kJsonPaddingBytes, '}');
  wire::JsonScratch scratch;
  wire::InferRequest copied;
  wire::InferRequest in_place;
  const base::Slice body = slice_of(text);
  const base::Slice long_body = slice_of(spaced, padding);
  wire::JsonScratch other_scratch;
  const auto first = wire::decode_json_infer(scratch, body, text.size(), copied);
  const auto second = wire::decode_json_infer(other_scratch, long_body, spaced.size(), in_place);
  if (!second) check_refusal(second.error(), in_place);
  // Only a shape too large for the text is refused in other words.
  PENSTOCK_CHECK(first.has_value() == second.has_value());
  if (!second) return;
  check_accepted(in_place);
  PENSTOCK_CHECK(copied.id == in_place.id && copied.inputs.size() == in_place.inputs.size());
  for (std::size_t i = 0; i < copied.inputs.size(); ++i) {
    PENSTOCK_CHECK(copied.inputs[i].name == in_place.inputs[i].name);
    PENSTOCK_CHECK(text_of(copied.inputs[i].bytes.bytes) ==
                   text_of(in_place.inputs[i].bytes.bytes));
  }
}

void run(Input input) {
  switch (input.below(4)) {
    case 0: return run_v2(input);
    case 1: return run_v1(input);
    case 2: return run_raw(input);
    default: return run_in_place(input);
  }
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::run({bytes, size});
  return 0;
}
