// SPDX-License-Identifier: Apache-2.0
#include "wire/json_infer_decode.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/bytes_elements.h"
#include "base/check.h"
#include "base/text.h"
#include "wire/json_elements.h"
#include "wire/json_parameters.h"
#include "wire/json_reader.h"
#include "wire/limits.h"
#include "wire/request_checks.h"
#include "wire/tensor_checks.h"

namespace penstock::wire {
namespace {

using base::Code;
using base::DType;

std::unexpected<base::Error> refuse(std::string why) {
  return base::fail(Code::kInvalidArgument, std::move(why));
}

// What stands at which depth of the text.
constexpr unsigned kRequestDepth = 1;
constexpr unsigned kTensorDepth = 3;
constexpr unsigned kDataDepth = 4;

// What an input's object says beside what InferInput holds.
struct InputText {
  std::optional<std::string_view> datatype;
  bool has_shape = false;
  bool has_parameters = false;
  bool has_data = false;
  bool is_data_read = false;
};

class JsonInferDecoder {
 public:
  JsonInferDecoder(JsonScratch& scratch, const base::Slice& body, std::size_t json_bytes,
                   InferRequest& request)
      : json_{body.owner, body.bytes.first(json_bytes)},
        body_(body),
        binary_at_(json_bytes),
        reader_(scratch, json_),
        request_(request) {}

  base::Result<> run();

 private:
  base::Result<> read_field(std::string_view key, ondemand::value& value);
  // Reads an array of objects, in order, each by `read_one`.
  template <class ReadOne>
  base::Result<> read_objects(ondemand::value& value, const std::string& what, ReadOne read_one);
  base::Result<> read_inputs(ondemand::value& value);
  base::Result<> read_outputs(ondemand::value& value);
  base::Result<> read_input(ondemand::object& object);
  base::Result<> read_input_field(std::string_view key, ondemand::value& value, InputText& text);
  base::Result<> read_shape(ondemand::value& value, InferInput& input);
  base::Result<> read_late_data(ondemand::object& object);
  base::Result<> read_data(ondemand::value& value, InferInput& input);
  base::Result<> take_bytes(InferInput& input, const InputText& text);
  base::Result<> take_binary(InferInput& input, std::uint64_t bytes);
  base::Result<std::optional<std::uint64_t>> take_binary_size(InferInput& input);
  base::Result<> read_output(ondemand::object& object);
  base::Result<std::string_view> read_text(ondemand::value& value, std::string_view what);
  base::Result<ondemand::array> read_array(ondemand::value& value, std::string_view what);

  base::Slice json_;
  const base::Slice& body_;
  std::size_t binary_at_;
  JsonReader reader_;
  InferRequest& request_;
  bool has_id_ = false;
  bool has_parameters_ = false;
  bool has_inputs_ = false;
  bool has_outputs_ = false;
};

std::unexpected<base::Error> given_twice(const std::string& what, std::string_view key) {
  return refuse(what + "'" + std::string(key) + "' is given more than once");
}

base::Result<> JsonInferDecoder::run() {
  base::Result<ondemand::object> object = reader_.open();
  if (!object) return std::unexpected(std::move(object.error()));
  for (auto item : *object) {
    ondemand::field field;
    if (auto error = std::move(item).get(field)) return reader_.malformed(error);
    const base::Result<std::string_view> key = reader_.key_of(field);
    if (!key) return std::unexpected(key.error());
    if (auto read = read_field(*key, field.value()); !read) return read;
  }
  if (auto closed = reader_.close(); !closed) return closed;
  if (!has_inputs_) return refuse("Unable to parse 'inputs': the request's JSON has none");
  if (binary_at_ != body_.bytes.size()) {
    return refuse(
        "unexpected additional input data: " + std::to_string(body_.bytes.size() - binary_at_) +
        " bytes follow the last input's; each tensor that is sent as bytes needs its "
        "size in its parameter binary_data_size");
  }
  return check_distinct(request_);
}

base::Result<> JsonInferDecoder::read_field(std::string_view key, ondemand::value& value) {
  if (key == "inputs") {
    if (std::exchange(has_inputs_, true)) return given_twice("", key);
    return read_inputs(value);
  }
  if (key == "outputs") {
    if (std::exchange(has_outputs_, true)) return given_twice("", key);
    return read_outputs(value);
  }
  if (key == "id") {
    if (std::exchange(has_id_, true)) return given_twice("", key);
    bool is_null = false;
    if (!value.is_null().get(is_null) && is_null) return {};
    const auto text = read_text(value, "Unable to parse 'id': it");
    if (!text) return std::unexpected(text.error());
    request_.id = *text;
    return {};
  }
  if (key == "parameters") {
    if (std::exchange(has_parameters_, true)) return given_twice("", key);
    const auto range =
        read_json_parameters(reader_, value, "the request", request_.parameters_pool);
    if (!range) return std::unexpected(range.error());
    request_.parameters = *range;
    return {};
  }
  return reader_.skip(value, kRequestDepth);
}

template <class ReadOne>
base::Result<> JsonInferDecoder::read_objects(ondemand::value& value, const std::string& what,
                                              ReadOne read_one) {
  base::Result<ondemand::array> array = read_array(value, "Unable to parse '" + what + "': it");
  if (!array) return std::unexpected(std::move(array.error()));
  std::size_t index = 0;
  for (auto item : *array) {
    ondemand::value element;
    ondemand::object object;
    if (auto error = std::move(item).get(element)) return reader_.malformed(error);
    if (element.get_object().get(object)) {
      return refuse(what + "[" + std::to_string(index) + "] must be an object, got " +
                    shown(element));
    }
    if (base::Result<> read = read_one(object); !read) return read;
    ++index;
  }
  return {};
}

base::Result<> JsonInferDecoder::read_inputs(ondemand::value& value) {
  return read_objects(value, "inputs", [this](ondemand::object& object) -> base::Result<> {
    if (request_.inputs.size() >= kInputsMax) return std::unexpected(too_many_inputs());
    return read_input(object);
  });
}

base::Result<> JsonInferDecoder::read_input(ondemand::object& object) {
  const std::size_t index = request_.inputs.size();
  request_.inputs.emplace_back();
  InputText text;
  for (auto item : object) {
    ondemand::field field;
    if (auto error = std::move(item).get(field)) return reader_.malformed(error);
    const base::Result<std::string_view> key = reader_.key_of(field);
    if (!key) return std::unexpected(key.error());
    if (auto read = read_input_field(*key, field.value(), text); !read) return read;
  }
  InferInput& input = request_.inputs[index];
  if (input.name.empty()) return refuse("inputs[" + std::to_string(index) + "] has no name");
  if (!text.datatype) {
    const auto none = datatype_of(input, {});
    return std::unexpected(none.error());
  }
  if (!text.has_shape) return refuse(about(input) + "it has no shape");
  if (text.has_data && !text.is_data_read) {
    if (auto read = read_late_data(object); !read) return read;
  }
  return take_bytes(input, text);
}

base::Result<> JsonInferDecoder::read_input_field(std::string_view key, ondemand::value& value,
                                                  InputText& text) {
  InferInput& input = request_.inputs.back();
  if (key == "name") {
    if (!input.name.empty()) return given_twice(about(input), key);
    const auto name = read_text(value, "the name of an input");
    if (!name) return std::unexpected(name.error());
    input.name = *name;
    return {};
  }
  if (key == "shape") {
    if (std::exchange(text.has_shape, true)) return given_twice(about(input), key);
    return read_shape(value, input);
  }
  if (key == "datatype") {
    if (text.datatype) return given_twice(about(input), key);
    const auto name = read_text(value, "the datatype of an input");
    if (!name) return std::unexpected(name.error());
    text.datatype = *name;
    const base::Result<DType> dtype = datatype_of(input, *name);
    if (!dtype) return std::unexpected(dtype.error());
    input.dtype = *dtype;
    return {};
  }
  if (key == "parameters") {
    if (std::exchange(text.has_parameters, true)) return given_twice(about(input), key);
    const auto range = read_json_parameters(reader_, value, "an input", request_.parameters_pool);
    if (!range) return std::unexpected(range.error());
    input.parameters = *range;
    return {};
  }
  if (key == "data") {
    if (std::exchange(text.has_data, true)) return given_twice(about(input), key);
    // It is read later where its datatype and shape come later.
    if (!text.datatype || !text.has_shape) return {};
    text.is_data_read = true;
    return read_data(value, input);
  }
  return reader_.skip(value, kTensorDepth);
}

base::Result<> JsonInferDecoder::read_late_data(ondemand::object& object) {
  if (auto error = object.reset().error()) return reader_.malformed(error);
  for (auto item : object) {
    ondemand::field field;
    if (auto error = std::move(item).get(field)) return reader_.malformed(error);
    const base::Result<std::string_view> key = reader_.key_of(field);
    if (!key) return std::unexpected(key.error());
    if (*key != "data") continue;
    if (auto read = read_data(field.value(), request_.inputs.back()); !read) return read;
  }
  return {};
}

base::Result<> JsonInferDecoder::read_data(ondemand::value& value, InferInput& input) {
  const base::Result<std::int64_t> elements = count_elements(input);
  if (!elements) return std::unexpected(elements.error());
  base::Result<ondemand::array> array = read_array(value, "Unable to parse 'data': it");
  if (!array) return std::unexpected(std::move(array.error()));
  return read_json_elements(reader_, *array, *elements, kDataDepth, input);
}

base::Result<> JsonInferDecoder::read_shape(ondemand::value& value, InferInput& input) {
  base::Result<ondemand::array> array = read_array(value, "Unable to parse 'shape': it");
  if (!array) return std::unexpected(std::move(array.error()));
  for (auto item : *array) {
    ondemand::value element;
    std::int64_t dim = 0;
    if (auto error = std::move(item).get(element)) return reader_.malformed(error);
    if (element.get_int64().get(dim)) {
      return refuse("Unable to parse 'shape': " + about(input) +
                    "a dimension must be a whole number, got " + shown(element));
    }
    if (input.shape.rank() == base::kRankMax) {
      return refuse(about(input) + "at most " + std::to_string(base::kRankMax) +
                    " dimensions are allowed");
    }
    input.shape.push(dim);
  }
  return {};
}

// The bytes of an input whose `data` has been read, if it has any.
base::Result<> JsonInferDecoder::take_bytes(InferInput& input, const InputText& text) {
  const base::Result<std::int64_t> elements = count_elements(input);
  if (!elements) return std::unexpected(elements.error());
  const auto binary = take_binary_size(input);
  if (!binary) return std::unexpected(binary.error());
  const bool is_shared = std::ranges::any_of(
      request_.parameters_of(input.parameters),
      [](const Parameter& parameter) { return parameter.name == "shared_memory_region"; });
  if (int{text.has_data} + int{binary->has_value()} + int{is_shared} > 1) {
    return refuse(about(input) +
                  "only one of 'data', the parameter binary_data_size and the parameter "
                  "shared_memory_region may say where its elements are");
  }
  if (text.has_data || is_shared) return {};
  if (*binary) return take_binary(input, **binary);
  if (*elements == 0) return {};
  return refuse("Unable to parse 'data': " + describe(input) +
                " came without elements; give them as 'data', or as bytes after the JSON and "
                "their number as the parameter binary_data_size");
}

// Takes the parameter out of the pool, at the end of which the input's parameters stand.
base::Result<std::optional<std::uint64_t>> JsonInferDecoder::take_binary_size(InferInput& input) {
  std::vector<Parameter>& pool = request_.parameters_pool;
  const auto begin = pool.begin() + input.parameters.begin;
  const auto end = pool.begin() + input.parameters.end;
  const auto found = std::find_if(
      begin, end, [](const Parameter& parameter) { return parameter.name == "binary_data_size"; });
  if (found == end) return std::nullopt;
  PENSTOCK_CHECK(end == pool.end());
  std::optional<std::uint64_t> size;
  if (const auto* whole = std::get_if<std::int64_t>(&found->value); whole && *whole >= 0) {
    size = static_cast<std::uint64_t>(*whole);
  }
  if (!size) {
    return refuse(about(input) + "its parameter binary_data_size must be a number of bytes");
  }
  pool.erase(found);
  --input.parameters.end;
  return size;
}

base::Result<> JsonInferDecoder::take_binary(InferInput& input, std::uint64_t bytes) {
  const std::size_t left = body_.bytes.size() - binary_at_;
  if (bytes > left) {
    return refuse("unexpected size for input " + base::quote(input.name) + ", expecting " +
                  std::to_string(bytes - left) + " additional bytes: its binary_data_size is " +
                  std::to_string(bytes) + ", and " + std::to_string(left) +
                  " bytes are left after the JSON (whose length the header "
                  "Inference-Header-Content-Length says) and the inputs before it");
  }
  input.bytes = {body_.owner, body_.bytes.subspan(binary_at_, bytes)};
  binary_at_ += bytes;
  return check_raw_bytes(input);
}

base::Result<> JsonInferDecoder::read_outputs(ondemand::value& value) {
  return read_objects(value, "outputs", [this](ondemand::object& object) -> base::Result<> {
    if (request_.outputs.size() >= kRequestedOutputsMax) {
      return std::unexpected(too_many_outputs());
    }
    return read_output(object);
  });
}

base::Result<> JsonInferDecoder::read_output(ondemand::object& object) {
  const std::size_t index = request_.outputs.size();
  RequestedOutput& output = request_.outputs.emplace_back();
  bool has_parameters = false;
  for (auto item : object) {
    ondemand::field field;
    if (auto error = std::move(item).get(field)) return reader_.malformed(error);
    const base::Result<std::string_view> key = reader_.key_of(field);
    if (!key) return std::unexpected(key.error());
    if (*key == "name") {
      if (!output.name.empty())
        return given_twice("outputs[" + std::to_string(index) + "]: ", *key);
      const auto name = read_text(field.value(), "the name of an output");
      if (!name) return std::unexpected(name.error());
      output.name = *name;
    } else if (*key == "parameters") {
      if (std::exchange(has_parameters, true))
        return given_twice("outputs[" + std::to_string(index) + "]: ", *key);
      const auto range =
          read_json_parameters(reader_, field.value(), "an output", request_.parameters_pool);
      if (!range) return std::unexpected(range.error());
      output.parameters = *range;
    } else if (auto skipped = reader_.skip(field.value(), kTensorDepth); !skipped) {
      return skipped;
    }
  }
  if (output.name.empty()) return refuse("outputs[" + std::to_string(index) + "] has no name");
  return {};
}

base::Result<std::string_view> JsonInferDecoder::read_text(ondemand::value& value,
                                                           std::string_view what) {
  ondemand::raw_json_string raw;
  if (!value.get_raw_json_string().get(raw)) return reader_.text_of(raw);
  return refuse(std::string(what) + " must be a string, got " + shown(value));
}

base::Result<ondemand::array> JsonInferDecoder::read_array(ondemand::value& value,
                                                           std::string_view what) {
  ondemand::array array;
  const simdjson::error_code error = value.get_array().get(array);
  if (!error) return array;
  if (error != simdjson::INCORRECT_TYPE) return reader_.malformed(error);
  return refuse(std::string(what) + " must be an array, got " + shown(value));
}

bool is_true(const Parameter& parameter) {
  const auto* truth = std::get_if<bool>(&parameter.value);
  return truth != nullptr && *truth;
}

}  // namespace

base::Result<> decode_json_infer(JsonScratch& scratch, const base::Slice& body,
                                 std::size_t json_bytes, InferRequest& request) {
  PENSTOCK_CHECK(json_bytes <= body.bytes.size());
  request.clear();
  base::Result<> decoded = JsonInferDecoder(scratch, body, json_bytes, request).run();
  if (!decoded) request.clear();
  return decoded;
}

bool wants_binary_by_default(const InferRequest& request) {
  return std::ranges::any_of(request.parameters_of(request.parameters), [](const Parameter& p) {
    return p.name == "binary_data_output" && is_true(p);
  });
}

bool wants_binary(const InferRequest& request, const RequestedOutput& output) {
  for (const Parameter& parameter : request.parameters_of(output.parameters)) {
    if (parameter.name == "binary_data") return is_true(parameter);
  }
  return wants_binary_by_default(request);
}

}  // namespace penstock::wire
