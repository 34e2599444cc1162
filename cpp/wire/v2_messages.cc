// SPDX-License-Identifier: Apache-2.0
#include "wire/v2_messages.h"

#include <protozero/pbf_writer.hpp>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "wire/protobuf.h"

namespace penstock::wire {
namespace {

using protozero::pbf_writer;

void put_text(pbf_writer& writer, std::uint32_t field, std::string_view text) {
  if (!text.empty()) writer.add_string(field, text.data(), text.size());
}

std::string encode_tensor_parameter(const ModelNotes::TensorParameter& parameter) {
  std::string value;
  pbf_writer(value).add_string(3, parameter.value);  // InferParameter's string_param
  std::string entry;
  pbf_writer writer(entry);
  put_text(writer, 1, parameter.name);
  writer.add_message(2, value);
  return entry;
}

std::string encode_tensor_metadata(const base::TensorSpec& spec, bool has_batch_dimension,
                                   const ModelNotes& notes) {
  std::string message;
  pbf_writer writer(message);
  put_text(writer, 1, spec.name);
  put_text(writer, 2, base::name_of(spec.dtype));
  std::vector<std::int64_t> dims;
  if (has_batch_dimension) dims.push_back(-1);
  dims.insert(dims.end(), spec.dims.begin(), spec.dims.end());
  writer.add_packed_int64(3, dims.begin(), dims.end());
  for (const ModelNotes::TensorParameter& parameter : notes.tensors) {
    if (parameter.tensor == spec.name) writer.add_message(4, encode_tensor_parameter(parameter));
  }
  return message;
}

// Fields 1 and 2 of `message`, both strings; the last one counts.
base::Result<ModelQuery> read_query(std::string_view message) {
  ModelQuery query;
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case sized_field(1): query.name = take_view(reader); break;
      case sized_field(2): query.version = take_view(reader); break;
      default: skip_field(reader);
    }
  }
  if (!base::is_utf8(query.name)) return std::unexpected(not_utf8("name"));
  if (!base::is_utf8(query.version)) return std::unexpected(not_utf8("version"));
  return query;
}

base::Result<std::string_view> read_service(std::string_view message) {
  std::string_view service;
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    if (reader.tag_and_type() == sized_field(1)) {
      service = take_view(reader);
    } else {
      skip_field(reader);
    }
  }
  if (!base::is_utf8(service)) return std::unexpected(not_utf8("service"));
  return service;
}

}  // namespace

base::Result<ModelQuery> decode_model_query(std::string_view message) {
  try {
    return read_query(message);
  } catch (const protozero::exception& cause) {
    return std::unexpected(malformed("request that names a model", cause));
  }
}

base::Result<std::string_view> decode_health_request(std::string_view message) {
  try {
    return read_service(message);
  } catch (const protozero::exception& cause) {
    return std::unexpected(malformed("HealthCheckRequest", cause));
  }
}

std::string encode_health_answer(ServingStatus status) {
  std::string message;
  if (status != ServingStatus::kUnknown)
    pbf_writer(message).add_enum(1, std::to_underlying(status));
  return message;
}

std::string encode_health_list(
    std::span<const std::pair<std::string_view, ServingStatus>> statuses) {
  std::string message;
  pbf_writer list(message);
  for (const auto& [service, status] : statuses) {
    std::string entry;
    pbf_writer writer(entry);
    put_text(writer, 1, service);
    writer.add_message(2, encode_health_answer(status));
    list.add_message(1, entry);
  }
  return message;
}

std::string encode_flag(bool value) {
  std::string message;
  if (value) pbf_writer(message).add_bool(1, true);
  return message;
}

std::string encode_server_metadata(const ServerDescription& server) {
  std::string message;
  pbf_writer writer(message);
  put_text(writer, 1, server.name);
  put_text(writer, 2, server.version);
  for (const std::string_view extension : server.extensions) {
    writer.add_string(3, extension.data(), extension.size());
  }
  return message;
}

std::string encode_model_metadata(const ModelDescription& model) {
  PENSTOCK_CHECK(model.signature != nullptr);
  const ModelNotes none;
  const ModelNotes& notes = model.notes != nullptr ? *model.notes : none;
  const base::Signature& signature = *model.signature;
  const bool has_batch_dimension = signature.batch_rows_max > 0;
  std::string message;
  pbf_writer writer(message);
  put_text(writer, 1, model.name);
  for (const std::string& version : model.versions) writer.add_string(2, version);
  put_text(writer, 3, model.platform);
  for (const base::TensorSpec& input : signature.inputs) {
    writer.add_message(4, encode_tensor_metadata(input, has_batch_dimension, notes));
  }
  for (const base::TensorSpec& output : signature.outputs) {
    writer.add_message(5, encode_tensor_metadata(output, has_batch_dimension, notes));
  }
  for (const auto& [name, value] : notes.properties) {
    std::string entry;
    pbf_writer properties(entry);
    put_text(properties, 1, name);
    put_text(properties, 2, value);
    writer.add_message(6, entry);
  }
  return message;
}

}  // namespace penstock::wire
