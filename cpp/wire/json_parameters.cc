// SPDX-License-Identifier: Apache-2.0
#include "wire/json_parameters.h"

#include <optional>
#include <string>

#include "base/text.h"
#include "wire/limits.h"
#include "wire/parameters.h"

namespace penstock::wire {
namespace {

using base::Code;
using ondemand::json_type;

// Nothing: no parameter's value.
std::optional<ParameterValue> number_of(ondemand::value& value) {
  std::int64_t whole = 0;
  if (!value.get_int64().get(whole)) return whole;
  std::uint64_t large = 0;
  if (!value.get_uint64().get(large)) return large;
  double number = 0;
  if (take_number(value, number)) return number;
  return std::nullopt;
}

base::Result<> append(JsonReader& reader, ondemand::field& field, std::string_view what,
                      std::vector<Parameter>& pool) {
  const base::Result<std::string_view> name = reader.key_of(field);
  if (!name) return std::unexpected(name.error());
  ondemand::value& value = field.value();
  std::optional<ParameterValue> read;
  json_type type;
  if (auto error = value.type().get(type)) return reader.malformed(error);
  switch (type) {
    case json_type::null: return reader.skip(value, 1);
    case json_type::boolean: {
      bool truth = false;
      if (!value.get_bool().get(truth)) read = truth;
      break;
    }
    case json_type::string: {
      ondemand::raw_json_string raw;
      if (auto error = value.get_raw_json_string().get(raw)) return reader.malformed(error);
      const base::Result<std::string_view> text = reader.text_of(raw);
      if (!text) return std::unexpected(text.error());
      read = *text;
      break;
    }
    case json_type::number: read = number_of(value); break;
    case json_type::array:
    case json_type::object: break;
  }
  if (!read) {
    return base::fail(Code::kInvalidArgument, std::string(what) + ": parameter " +
                                                  base::quote(*name) + " is " + shown(value) +
                                                  "; it should be a number, a boolean or a string");
  }
  if (pool.size() >= kParametersMax) {
    return base::fail(Code::kInvalidArgument, "a request may carry at most " +
                                                  std::to_string(kParametersMax) + " parameters");
  }
  pool.push_back({*name, *read});
  return {};
}

}  // namespace

base::Result<ParameterRange> read_json_parameters(JsonReader& reader, ondemand::value& value,
                                                  std::string_view what,
                                                  std::vector<Parameter>& pool) {
  const auto begin = static_cast<std::uint32_t>(pool.size());
  bool is_null = false;
  if (!value.is_null().get(is_null) && is_null) return ParameterRange{begin, begin};
  ondemand::object object;
  if (value.get_object().get(object)) {
    return base::fail(Code::kInvalidArgument,
                      std::string(what) + ": 'parameters' must be an object, got " + shown(value));
  }
  for (auto item : object) {
    ondemand::field field;
    if (auto error = std::move(item).get(field)) return reader.malformed(error);
    if (auto read = append(reader, field, what, pool); !read) {
      return std::unexpected(std::move(read.error()));
    }
  }
  return close_parameters(pool, begin);
}

}  // namespace penstock::wire
