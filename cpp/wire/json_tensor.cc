// SPDX-License-Identifier: Apache-2.0
#include "wire/json_tensor.h"

#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/base64.h"
#include "base/bytes_elements.h"
#include "base/check.h"
#include "base/narrow_float.h"

namespace penstock::wire {
namespace {

using base::DType;

constexpr auto kAsItIs = [](auto value) { return value; };

}  // namespace

template <class T, class Widen>
void ElementsWriter::put_numbers(JsonWriter& json, std::int64_t count, Widen widen) {
  PENSTOCK_CHECK(std::cmp_less_equal(count, rest_.size() / sizeof(T)));
  for (std::int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_ = rest_.subspan(sizeof value);
    if (i > 0) json.put(',');
    json.put_number(widen(value));
  }
}

bool ElementsWriter::put_strings(JsonWriter& json, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::optional<std::span<const std::byte>> element = base::take_bytes_element(rest_);
    PENSTOCK_CHECK(element.has_value());
    if (i > 0) json.put(',');
    const std::string_view text(reinterpret_cast<const char*>(element->data()), element->size());
    if (json.put_string(text)) continue;
    if (no_text_ == NoText::kRefused) return false;
    json.put("{\"b64\":\"");
    json.put(base::encode_base64(text, base::Base64Padding::kWith));
    json.put("\"}");
  }
  return true;
}

bool ElementsWriter::put(JsonWriter& json, std::int64_t count) {
  switch (dtype_) {
    case DType::kBool:
      for (std::int64_t i = 0; i < count; ++i) {
        PENSTOCK_CHECK(!rest_.empty());
        if (i > 0) json.put(',');
        json.put(rest_.front() != std::byte{0} ? "true" : "false");
        rest_ = rest_.subspan(1);
      }
      break;
    case DType::kUint8: put_numbers<std::uint8_t>(json, count, kAsItIs); break;
    case DType::kUint16: put_numbers<std::uint16_t>(json, count, kAsItIs); break;
    case DType::kUint32: put_numbers<std::uint32_t>(json, count, kAsItIs); break;
    case DType::kUint64: put_numbers<std::uint64_t>(json, count, kAsItIs); break;
    case DType::kInt8: put_numbers<std::int8_t>(json, count, kAsItIs); break;
    case DType::kInt16: put_numbers<std::int16_t>(json, count, kAsItIs); break;
    case DType::kInt32: put_numbers<std::int32_t>(json, count, kAsItIs); break;
    case DType::kInt64: put_numbers<std::int64_t>(json, count, kAsItIs); break;
    case DType::kFp16: put_numbers<std::uint16_t>(json, count, base::float_of_fp16); break;
    case DType::kBf16: put_numbers<std::uint16_t>(json, count, base::float_of_bf16); break;
    case DType::kFp32: put_numbers<float>(json, count, kAsItIs); break;
    case DType::kFp64: put_numbers<double>(json, count, kAsItIs); break;
    case DType::kBytes: return put_strings(json, count);
  }
  return true;
}

bool ElementsWriter::put_nested(JsonWriter& json, std::span<const std::int64_t> dims) {
  if (dims.empty()) return put(json, 1);
  json.put('[');
  bool is_whole = true;
  if (dims.size() == 1) {
    is_whole = put(json, dims.front());
  } else {
    for (std::int64_t i = 0; is_whole && i < dims.front(); ++i) {
      if (i > 0) json.put(',');
      is_whole = put_nested(json, dims.subspan(1));
    }
  }
  json.put(']');
  return is_whole;
}

std::size_t likely_element_bytes(DType dtype) {
  switch (dtype) {
    case DType::kBool: return 6;
    case DType::kUint8:
    case DType::kInt8: return 5;
    case DType::kUint16:
    case DType::kInt16:
    case DType::kFp16:
    case DType::kBf16: return 10;
    case DType::kUint32:
    case DType::kInt32: return 12;
    case DType::kFp32: return 14;
    case DType::kUint64:
    case DType::kInt64:
    case DType::kFp64: return 22;
    case DType::kBytes: return 4;
  }
  std::unreachable();
}

}  // namespace penstock::wire
