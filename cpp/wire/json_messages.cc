// SPDX-License-Identifier: Apache-2.0
#include "wire/json_messages.h"

#include <utility>

#include "base/check.h"
#include "base/utf8.h"
#include "wire/json_writer.h"

namespace penstock::wire {
namespace {

std::string text_of(const EncodedMessage& message) {
  std::string text;
  text.reserve(message.size);
  for (const base::Slice& piece : message.pieces) {
    text.append(reinterpret_cast<const char*>(piece.bytes.data()), piece.bytes.size());
  }
  return text;
}

// A comma before all but the first.
class Commas {
 public:
  explicit Commas(JsonWriter& json) : json_(json) {}
  void next() {
    if (!std::exchange(is_first_, false)) json_.put(',');
  }

 private:
  JsonWriter& json_;
  bool is_first_ = true;
};

void put_member(JsonWriter& json, std::string_view name, std::string_view value) {
  json.put_string(name);
  json.put(':');
  json.put_string(value);
}

// ,"parameters":{...}, if there are any.
void put_parameters(JsonWriter& json, std::string_view tensor, const ModelNotes& notes) {
  bool is_first = true;
  for (const ModelNotes::TensorParameter& parameter : notes.tensors) {
    if (parameter.tensor != tensor) continue;
    json.put(std::exchange(is_first, false) ? ",\"parameters\":{" : ",");
    put_member(json, parameter.name, parameter.value);
  }
  if (!is_first) json.put('}');
}

// ,"properties":{...}, if there are any.
void put_properties(JsonWriter& json, const ModelNotes& notes) {
  if (notes.properties.empty()) return;
  json.put(",\"properties\":{");
  Commas between(json);
  for (const auto& [name, value] : notes.properties) {
    between.next();
    put_member(json, name, value);
  }
  json.put('}');
}

void put_tensors(JsonWriter& json, const std::vector<base::TensorSpec>& specs,
                 bool has_batch_dimension, const ModelNotes& notes) {
  json.put('[');
  Commas between(json);
  for (const base::TensorSpec& spec : specs) {
    between.next();
    json.put("{\"name\":");
    json.put_string(spec.name);
    json.put(",\"datatype\":\"");
    json.put(base::name_of(spec.dtype));
    json.put("\",\"shape\":[");
    Commas between_dims(json);
    if (has_batch_dimension) {
      between_dims.next();
      json.put("-1");
    }
    for (const std::int64_t dim : spec.dims) {
      between_dims.next();
      json.put_number(dim);
    }
    json.put(']');
    put_parameters(json, spec.name, notes);
    json.put('}');
  }
  json.put(']');
}

}  // namespace

std::string encode_json_server_metadata(const ServerDescription& server) {
  EncodedMessage message;
  JsonWriter json(message, 512);
  json.put("{\"name\":");
  json.put_string(server.name);
  json.put(",\"version\":");
  json.put_string(server.version);
  json.put(",\"extensions\":[");
  Commas between(json);
  for (const std::string_view extension : server.extensions) {
    between.next();
    json.put_string(extension);
  }
  json.put("]}");
  json.finish();
  return text_of(message);
}

std::string encode_json_model_metadata(const ModelDescription& model) {
  PENSTOCK_CHECK(model.signature != nullptr);
  const bool has_batch_dimension = model.signature->batch_rows_max > 0;
  static const ModelNotes kNone;
  const ModelNotes& notes = model.notes != nullptr ? *model.notes : kNone;
  EncodedMessage message;
  JsonWriter json(message, 512);
  json.put("{\"name\":");
  json.put_string(model.name);
  json.put(",\"versions\":[");
  Commas between(json);
  for (const std::string& version : model.versions) {
    between.next();
    json.put_string(version);
  }
  json.put("],\"platform\":");
  json.put_string(model.platform);
  json.put(",\"inputs\":");
  put_tensors(json, model.signature->inputs, has_batch_dimension, notes);
  json.put(",\"outputs\":");
  put_tensors(json, model.signature->outputs, has_batch_dimension, notes);
  put_properties(json, notes);
  json.put('}');
  json.finish();
  return text_of(message);
}

std::string encode_json_model_ready(std::string_view name) {
  EncodedMessage message;
  JsonWriter json(message, 64 + name.size());
  json.put("{\"name\":");
  json.put_string(name);
  json.put(",\"ready\":true}");
  json.finish();
  return text_of(message);
}

std::string encode_json_error(std::string_view why) {
  std::string text;
  for (std::string_view rest = why; !rest.empty();) text += base::take_character(rest);
  EncodedMessage message;
  JsonWriter json(message, text.size() + 32);
  json.put("{\"error\":");
  json.put_string(text);
  json.put('}');
  json.finish();
  return text_of(message);
}

}  // namespace penstock::wire
