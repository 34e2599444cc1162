// SPDX-License-Identifier: Apache-2.0
#include "serving/request_facts.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/text.h"

namespace penstock::serving {
namespace {

// The decoder has seen to it that texts are UTF-8. One that is too long is not worth its memory.
void append_text(std::string& json, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  json += '"';
  for (const char character : text) {
    if (json.size() > kRequestFactsBytesMax) return;
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20) {
      json += "\\u00";
      json += kHex[byte >> 4];
      json += kHex[byte & 0xf];
      continue;
    }
    if (character == '"' || character == '\\') json += '\\';
    json += character;
  }
  json += '"';
}

template <class Number>
void append_number(std::string& json, Number value) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (std::isnan(value)) {
      json += "NaN";
      return;
    }
    if (std::isinf(value)) {
      json += value < 0 ? "-Infinity" : "Infinity";
      return;
    }
  }
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
  json += text;
  // To its readers 3.0 is no whole number.
  const bool is_whole = text.find_first_of(".e") == std::string_view::npos;
  if (std::is_floating_point_v<Number> && is_whole) json += ".0";
}

void append_value(std::string& json, const wire::ParameterValue& value) {
  std::visit(
      [&json](const auto& held) {
        using Held = std::remove_cvref_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, bool>) {
          json += held ? "true" : "false";
        } else if constexpr (std::is_same_v<Held, std::string_view>) {
          append_text(json, held);
        } else {
          append_number(json, held);
        }
      },
      value);
}

// Begins the next member of the object.
void append_key(std::string& json, std::string_view key) {
  json += json.empty() ? "{" : ",";
  append_text(json, key);
  json += ':';
}

void append_parameters(std::string& json, std::span<const wire::Parameter> parameters) {
  append_key(json, "parameters");
  char before = '{';
  for (const wire::Parameter& parameter : parameters) {
    if (json.size() > kRequestFactsBytesMax) return;
    json += std::exchange(before, ',');
    append_text(json, parameter.name);
    json += ':';
    append_value(json, parameter.value);
  }
  json += '}';
}

base::Result<> append_headers(std::string& json, std::span<const ForwardedHeader> forwarded) {
  append_key(json, "headers");
  char before = '{';
  for (const ForwardedHeader& header : forwarded) {
    if (!base::is_utf8(header.value)) {
      return base::fail(base::Code::kInvalidArgument,
                        "header " + base::quote(header.name) +
                            " is forwarded to the model as a parameter, and must be UTF-8 for it");
    }
    json += std::exchange(before, ',');
    append_text(json, header.name);
    json += ':';
    append_text(json, header.value);
  }
  json += '}';
  return {};
}

}  // namespace

base::Result<std::string> request_facts(const wire::InferRequest& request,
                                        std::span<const ForwardedHeader> forwarded) {
  std::string json;
  if (!request.id.empty()) {
    append_key(json, "id");
    append_text(json, request.id);
  }
  if (!request.outputs.empty()) {
    append_key(json, "outputs");
    char before = '[';
    for (const wire::RequestedOutput& output : request.outputs) {
      json += std::exchange(before, ',');
      append_text(json, output.name);
    }
    json += ']';
  }
  const auto parameters = request.parameters_of(request.parameters);
  if (!parameters.empty()) append_parameters(json, parameters);
  if (!forwarded.empty()) {
    if (auto told = append_headers(json, forwarded); !told) return std::unexpected(told.error());
  }
  if (!json.empty()) json += '}';
  if (json.size() > kRequestFactsBytesMax) {
    return base::fail(base::Code::kInvalidArgument,
                      "the request's id, output names, parameters and headers need more than " +
                          std::to_string(kRequestFactsBytesMax) +
                          " bytes, which a model in Python is not told; send large values as "
                          "tensors");
  }
  return json;
}

}  // namespace penstock::serving
