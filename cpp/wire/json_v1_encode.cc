// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "wire/json_tensor.h"
#include "wire/json_v1_predict.h"
#include "wire/json_writer.h"

namespace penstock::wire {
namespace {

using base::Code;

std::size_t likely_bytes(std::span<const InferOutput> outputs) {
  std::size_t bytes = 64;
  for (const InferOutput& output : outputs) {
    PENSTOCK_CHECK(output.tensor != nullptr);
    const base::Tensor& tensor = *output.tensor;
    const std::size_t raw_bytes = tensor.bytes.bytes.size();
    bytes += 64 + output.name.size();
    bytes += tensor.dtype == base::DType::kBytes ? raw_bytes * 2
                                                 : raw_bytes / base::element_bytes(tensor.dtype) *
                                                       likely_element_bytes(tensor.dtype);
  }
  return bytes;
}

// The rows that all outputs have.
base::Result<std::int64_t> count_rows(std::span<const InferOutput> outputs) {
  for (const InferOutput& output : outputs) {
    const base::Shape& shape = output.tensor->shape;
    if (shape.rank() > 0 && shape[0] == outputs.front().tensor->shape[0]) continue;
    return base::fail(Code::kInvalidArgument,
                      "output " + base::quote(output.name) + " has shape " + shape.text() +
                          ", which is not one row for each instance; send the request as 'inputs' "
                          "rather than 'instances'");
  }
  return outputs.empty() ? 0 : outputs.front().tensor->shape[0];
}

// `dims_from`: how many leading dimensions have been taken off. An object where there are several.
void put_values(JsonWriter& json, std::span<const InferOutput> outputs,
                std::span<ElementsWriter> elements, std::size_t dims_from) {
  if (outputs.size() != 1) json.put('{');
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (i > 0) json.put(',');
    if (outputs.size() != 1) json.put_key(outputs[i].name);
    elements[i].put_nested(json, outputs[i].tensor->shape.dims().subspan(dims_from));
  }
  if (outputs.size() != 1) json.put('}');
}

}  // namespace

base::Result<> encode_v1_answer(V1Form form, std::span<const InferOutput> outputs,
                                EncodedMessage& encoded) {
  JsonWriter json(encoded, likely_bytes(outputs));
  std::vector<ElementsWriter> elements;
  elements.reserve(outputs.size());
  for (const InferOutput& output : outputs) elements.emplace_back(*output.tensor, NoText::kBase64);
  if (form == V1Form::kRows) {
    const base::Result<std::int64_t> rows = count_rows(outputs);
    if (!rows) return std::unexpected(rows.error());
    json.put("{\"predictions\":[");
    for (std::int64_t row = 0; row < *rows; ++row) {
      if (row > 0) json.put(',');
      put_values(json, outputs, elements, 1);
    }
    json.put("]}");
  } else {
    json.put("{\"outputs\":");
    put_values(json, outputs, elements, 0);
    json.put('}');
  }
  json.finish();
  if (!json.has_failed()) return {};
  encoded.pieces.clear();
  return base::fail(Code::kResourceExhausted, "no memory for the answer's JSON");
}

}  // namespace penstock::wire
