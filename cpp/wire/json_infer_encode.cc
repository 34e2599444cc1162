// SPDX-License-Identifier: Apache-2.0
#include "wire/json_infer_encode.h"

#include <string>
#include <variant>

#include "base/check.h"
#include "base/text.h"
#include "wire/json_tensor.h"
#include "wire/json_writer.h"

namespace penstock::wire {
namespace {

using base::Code;

std::size_t likely_bytes(const JsonAnswer& answer) {
  constexpr std::size_t kAnswer = 80;
  constexpr std::size_t kOutput = 100;
  constexpr std::size_t kParameter = 60;
  std::size_t bytes = kAnswer + answer.model_name.size() + answer.model_version.size() +
                      answer.id.size() + answer.parameters.size() * kParameter;
  for (const JsonOutput& output : answer.outputs) {
    PENSTOCK_CHECK(output.tensor != nullptr);
    const base::Tensor& tensor = *output.tensor;
    const std::size_t raw_bytes = tensor.bytes.bytes.size();
    bytes += kOutput + output.name.size() + output.parameters.size() * kParameter;
    if (output.place == ElementsPlace::kBytes && raw_bytes < kReferredBytesMin) bytes += raw_bytes;
    if (output.place != ElementsPlace::kJson) continue;
    bytes += tensor.dtype == base::DType::kBytes ? raw_bytes + raw_bytes / 8
                                                 : raw_bytes / base::element_bytes(tensor.dtype) *
                                                       likely_element_bytes(tensor.dtype);
  }
  return bytes;
}

void put_value(JsonWriter& json, const ParameterValue& value) {
  struct Put {
    JsonWriter& json;
    void operator()(bool truth) const { json.put(truth ? "true" : "false"); }
    void operator()(std::int64_t number) const { json.put_number(number); }
    void operator()(std::uint64_t number) const { json.put_number(number); }
    void operator()(double number) const { json.put_number(number); }
    void operator()(std::string_view text) const {
      if (!json.put_string(text)) json.put("null");
    }
  };
  std::visit(Put{json}, value);
}

void put_members(JsonWriter& json, std::span<const Parameter> parameters) {
  bool is_first = true;
  for (const Parameter& parameter : parameters) {
    if (!std::exchange(is_first, false)) json.put(',');
    json.put_key(parameter.name);
    put_value(json, parameter.value);
  }
}

bool put_output(JsonWriter& json, const JsonOutput& output) {
  const base::Tensor& tensor = *output.tensor;
  json.put("{\"name\":");
  json.put_string(output.name);
  json.put(",\"datatype\":\"");
  json.put(base::name_of(tensor.dtype));
  json.put("\",\"shape\":[");
  bool is_first = true;
  for (const std::int64_t dim : tensor.shape.dims()) {
    if (!std::exchange(is_first, false)) json.put(',');
    json.put_number(dim);
  }
  json.put(']');
  const bool is_binary = output.place == ElementsPlace::kBytes;
  if (is_binary || !output.parameters.empty()) {
    json.put(",\"parameters\":{");
    put_members(json, output.parameters);
    if (is_binary) {
      if (!output.parameters.empty()) json.put(',');
      json.put("\"binary_data_size\":");
      json.put_number(tensor.bytes.bytes.size());
    }
    json.put('}');
  }
  bool is_whole = true;
  if (output.place == ElementsPlace::kJson) {
    const std::optional<std::int64_t> elements = tensor.shape.elements();
    PENSTOCK_CHECK(elements.has_value());
    json.put(",\"data\":[");
    is_whole = ElementsWriter(tensor, NoText::kRefused).put(json, *elements);
    json.put(']');
  }
  json.put('}');
  return is_whole;
}

}  // namespace

base::Result<std::size_t> encode_json_answer(const JsonAnswer& answer, EncodedMessage& encoded) {
  JsonWriter json(encoded, likely_bytes(answer));
  json.put('{');
  if (!answer.id.empty()) {
    json.put_key("id");
    json.put_string(answer.id);
    json.put(',');
  }
  json.put_key("model_name");
  json.put_string(answer.model_name);
  json.put(",\"model_version\":");
  json.put_string(answer.model_version);
  if (!answer.parameters.empty()) {
    json.put(",\"parameters\":{");
    put_members(json, answer.parameters);
    json.put('}');
  }
  json.put(",\"outputs\":[");
  bool is_first = true;
  for (const JsonOutput& output : answer.outputs) {
    if (!std::exchange(is_first, false)) json.put(',');
    if (put_output(json, output)) continue;
    encoded.pieces.clear();
    return base::fail(Code::kInvalidArgument,
                      "output " + base::quote(output.name) +
                          " has BYTES that are not UTF-8, which JSON cannot carry; ask for it with "
                          "the parameter \"binary_data\": true");
  }
  json.put("]}");
  const std::size_t json_bytes = json.bytes_written();
  for (const JsonOutput& output : answer.outputs) {
    if (output.place == ElementsPlace::kBytes) json.put_bytes(output.tensor->bytes);
  }
  json.finish();
  if (!json.has_failed()) return json_bytes;
  encoded.pieces.clear();
  return base::fail(Code::kResourceExhausted, "no memory for the answer's JSON");
}

}  // namespace penstock::wire
