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

void put_tensors(JsonWriter& json, const std::vector<base::TensorSpec>& specs,
                 bool has_batch_dimension) {
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
    json.put("]}");
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
  put_tensors(json, model.signature->inputs, has_batch_dimension);
  json.put(",\"outputs\":");
  put_tensors(json, model.signature->outputs, has_batch_dimension);
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
