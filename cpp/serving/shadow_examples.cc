// SPDX-License-Identifier: Apache-2.0
#include "serving/shadow_examples.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/base64.h"
#include "base/bytes_elements.h"
#include "base/narrow_float.h"
#include "base/text.h"

namespace penstock::serving {
namespace {

using base::DType;

constexpr std::uint64_t kSeed = 0x9e3779b97f4a7c15ULL;

// splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

void put_text(std::string& json, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  json += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (byte < 0x20) {
      json += "\\u00";
      json += kHex[byte >> 4];
      json += kHex[byte & 15];
    } else {
      json += c;
    }
  }
  json += '"';
}

template <class Number>
void put_number(std::string& json, Number value) {
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  json.append(text.data(), end);
}

template <class Number>
requires std::is_floating_point_v<Number>
void put_float(std::string& json, Number value) {
  if (std::isfinite(value)) return put_number(json, value);
  json += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

template <class Raw, class Put>
void put_elements(std::string& json, std::span<const std::byte> bytes, std::size_t count, Put put) {
  for (std::size_t i = 0; i < count; ++i) {
    Raw raw;
    std::memcpy(&raw, bytes.data() + i * sizeof raw, sizeof raw);
    if (i > 0) json += ',';
    put(raw);
  }
}

// An element of BYTES, and what is left of it is said by its own "cut".
void put_bytes_element(std::string& json, std::span<const std::byte> element) {
  const bool is_cut = element.size() > kExampleTextMax;
  if (is_cut) element = element.first(kExampleTextMax);
  const std::string_view text(reinterpret_cast<const char*>(element.data()), element.size());
  if (!is_cut && base::is_utf8(text)) return put_text(json, text);
  json += "{\"b64\":\"";
  json += base::encode_base64(text, base::Base64Padding::kWith);
  json += is_cut ? "\",\"cut\":true}" : "\"}";
}

void put_texts(std::string& json, std::span<const std::byte> bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto element = base::take_bytes_element(bytes);
    if (!element) return;
    if (i > 0) json += ',';
    put_bytes_element(json, *element);
  }
}

void put_values(std::string& json, const base::Tensor& tensor, std::size_t count) {
  const std::span<const std::byte> bytes = tensor.bytes.bytes;
  const auto whole = [&json](auto value) { put_number(json, value); };
  const auto real = [&json](auto value) { put_float(json, value); };
  switch (tensor.dtype) {
    case DType::kBool:
      return put_elements<std::uint8_t>(
          json, bytes, count, [&json](std::uint8_t raw) { json += raw != 0 ? "true" : "false"; });
    case DType::kUint8: return put_elements<std::uint8_t>(json, bytes, count, whole);
    case DType::kUint16: return put_elements<std::uint16_t>(json, bytes, count, whole);
    case DType::kUint32: return put_elements<std::uint32_t>(json, bytes, count, whole);
    case DType::kUint64: return put_elements<std::uint64_t>(json, bytes, count, whole);
    case DType::kInt8: return put_elements<std::int8_t>(json, bytes, count, whole);
    case DType::kInt16: return put_elements<std::int16_t>(json, bytes, count, whole);
    case DType::kInt32: return put_elements<std::int32_t>(json, bytes, count, whole);
    case DType::kInt64: return put_elements<std::int64_t>(json, bytes, count, whole);
    case DType::kFp16:
      return put_elements<std::uint16_t>(
          json, bytes, count, [&](std::uint16_t raw) { real(base::float_of_fp16(raw)); });
    case DType::kBf16:
      return put_elements<std::uint16_t>(
          json, bytes, count, [&](std::uint16_t raw) { real(base::float_of_bf16(raw)); });
    case DType::kFp32: return put_elements<float>(json, bytes, count, real);
    case DType::kFp64: return put_elements<double>(json, bytes, count, real);
    case DType::kBytes: return put_texts(json, bytes, count);
  }
}

void put_tensor(std::string& json, const NamedTensor& named) {
  const base::Tensor& tensor = *named.tensor;
  json += "{\"name\":";
  put_text(json, named.name);
  json += ",\"datatype\":\"";
  json += base::name_of(tensor.dtype);
  json += "\",\"shape\":";
  json += tensor.shape.text();
  if (named.is_sensitive) {
    json += ",\"sensitive\":true}";
    return;
  }
  const auto elements = static_cast<std::size_t>(tensor.shape.elements().value_or(0));
  json += ",\"data\":[";
  put_values(json, tensor, std::min(elements, kExampleElementsMax));
  json += ']';
  if (elements > kExampleElementsMax) json += ",\"cut\":true";
  json += '}';
}

void put_tensors(std::string& json, std::span<const NamedTensor> tensors) {
  json += '[';
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (i > 0) json += ',';
    put_tensor(json, tensors[i]);
  }
  json += ']';
}

void put_answer(std::string& json, const ExampleAnswer& answer) {
  if (answer.error == nullptr) {
    json += "{\"outputs\":";
    put_tensors(json, answer.outputs);
  } else {
    json += "{\"error\":{\"code\":\"";
    json += base::name_of(answer.error->code);
    if (answer.is_message_told) {
      json += "\",\"message\":";
      put_text(json, base::is_utf8(answer.error->why) ? answer.error->why : "(not UTF-8)");
    } else {
      json += "\",\"sensitive\":true";
    }
    json += '}';
  }
  json += '}';
}

}  // namespace

ShadowExamples::ShadowExamples(const ExampleOptions& options)
    : options_{.count = std::min(options.count, kExamplesMax), .kept_ns = options.kept_ns},
      random_(kSeed) {}

bool ShadowExamples::has_place() {
  if (options_.count == 0) return false;
  ++seen_;
  if (kept_.size() < options_.count) {
    place_ = kept_.size();
    return true;
  }
  // Of `seen_` each has had the same chance. The remainder's bias is below 2^-40 for any number of
  // requests that a server sees.
  const std::uint64_t place = next_random(random_) % seen_;
  if (place >= kept_.size()) return false;
  place_ = static_cast<std::size_t>(place);
  return true;
}

void ShadowExamples::keep(ShadowExample example, base::Nanos now) {
  Kept one{.example = std::move(example), .since_ns = now};
  if (place_ >= kept_.size()) {  // older ones may have been forgotten meanwhile
    kept_.push_back(std::move(one));
  } else {
    kept_[place_] = std::move(one);
  }
}

void ShadowExamples::forget_old(base::Nanos now) {
  std::erase_if(kept_, [&](const Kept& one) { return now - one.since_ns > options_.kept_ns; });
  if (kept_.empty()) seen_ = 0;
}

std::vector<ShadowExample> ShadowExamples::all() const {
  std::vector<ShadowExample> examples;
  for (const Kept& one : kept_) examples.push_back(one.example);
  return examples;
}

std::string example_json(std::string_view request_id, std::span<const NamedTensor> inputs,
                         const ExampleAnswer& primary, const ExampleAnswer& shadow) {
  std::string json = "{\"request_id\":";
  put_text(json, base::is_utf8(request_id) ? request_id : "");
  json += ",\"inputs\":";
  put_tensors(json, inputs);
  json += ",\"primary\":";
  put_answer(json, primary);
  json += ",\"shadow\":";
  put_answer(json, shadow);
  json += '}';
  return json;
}

}  // namespace penstock::serving
