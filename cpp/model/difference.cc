// SPDX-License-Identifier: Apache-2.0
#include "model/difference.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes_elements.h"
#include "base/text.h"

namespace penstock::model {
namespace {

using base::DType;
using Bytes = std::span<const std::byte>;

// The first element that is not as wanted, and both values as text.
struct Differing {
  std::int64_t element = 0;
  std::string found{};
  std::string wanted{};
};

template <class T>
std::string text_of(T value) {
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

template <>
std::string text_of(bool value) {
  return value ? "true" : "false";
}

// IEEE 754's binary16.
float half_value(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const auto fraction = static_cast<float>(bits & 0x3ff);
  const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  if (exponent < 0x1f) return sign * std::ldexp(1024.0F + fraction, exponent - 25);
  if (fraction != 0) return std::numeric_limits<float>::quiet_NaN();
  return sign * std::numeric_limits<float>::infinity();
}

float bfloat_value(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// Elements are `Raw` in the bytes, and compared as `value` has them.
template <class Raw, class Value, class IsSame>
std::optional<Differing> first_differing(Bytes found, Bytes wanted, Value value, IsSame is_same) {
  Raw one;
  Raw other;
  for (std::size_t at = 0; at < wanted.size(); at += sizeof(Raw)) {
    std::memcpy(&one, found.data() + at, sizeof one);
    std::memcpy(&other, wanted.data() + at, sizeof other);
    if (is_same(value(one), value(other))) continue;
    return Differing{.element = static_cast<std::int64_t>(at / sizeof(Raw)),
                     .found = text_of(value(one)),
                     .wanted = text_of(value(other))};
  }
  return std::nullopt;
}

template <class Raw>
std::optional<Differing> first_unequal(Bytes found, Bytes wanted) {
  return first_differing<Raw>(found, wanted, std::identity(), std::equal_to<Raw>());
}

template <class Raw, class Value>
std::optional<Differing> first_apart(Bytes found, Bytes wanted, double tolerance, Value value) {
  auto differing =
      first_differing<Raw>(found, wanted, value, [tolerance](double is, double should_be) {
        if (is == should_be || (std::isnan(is) && std::isnan(should_be))) return true;
        const double room = tolerance * std::max(1.0, std::abs(should_be));
        return std::isfinite(should_be) && std::abs(is - should_be) <= room;
      });
  if (differing) differing->wanted += " (tolerance " + text_of(tolerance) + ")";
  return differing;
}

std::optional<Differing> first_other_text(Bytes found, Bytes wanted) {
  const auto text = [](Bytes bytes) {
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  for (std::int64_t i = 0; !wanted.empty(); ++i) {
    const auto is = text(*base::take_bytes_element(found));
    const auto should_be = text(*base::take_bytes_element(wanted));
    if (is == should_be) continue;
    return Differing{
        .element = i, .found = base::quote(is, '\''), .wanted = base::quote(should_be, '\'')};
  }
  return std::nullopt;
}

std::optional<Differing> first_of(DType dtype, Bytes found, Bytes wanted, double tolerance) {
  switch (dtype) {
    case DType::kBool:
      return first_differing<std::uint8_t>(
          found, wanted, [](std::uint8_t bits) { return bits != 0; }, std::equal_to<bool>());
    case DType::kUint8: return first_unequal<std::uint8_t>(found, wanted);
    case DType::kUint16: return first_unequal<std::uint16_t>(found, wanted);
    case DType::kUint32: return first_unequal<std::uint32_t>(found, wanted);
    case DType::kUint64: return first_unequal<std::uint64_t>(found, wanted);
    case DType::kInt8: return first_unequal<std::int8_t>(found, wanted);
    case DType::kInt16: return first_unequal<std::int16_t>(found, wanted);
    case DType::kInt32: return first_unequal<std::int32_t>(found, wanted);
    case DType::kInt64: return first_unequal<std::int64_t>(found, wanted);
    case DType::kFp16: return first_apart<std::uint16_t>(found, wanted, tolerance, half_value);
    case DType::kBf16: return first_apart<std::uint16_t>(found, wanted, tolerance, bfloat_value);
    case DType::kFp32: return first_apart<float>(found, wanted, tolerance, std::identity());
    case DType::kFp64: return first_apart<double>(found, wanted, tolerance, std::identity());
    case DType::kBytes: return first_other_text(found, wanted);
  }
  return std::nullopt;
}

std::string place_of(std::int64_t element, const base::Shape& shape, std::int64_t first_row) {
  std::vector<std::int64_t> index(shape.rank());
  for (std::size_t i = shape.rank(); i-- > 0;) {
    index[i] = element % shape[i];
    element /= shape[i];
  }
  if (index.empty()) return "";
  index[0] += first_row;
  return base::dims_text(index);
}

}  // namespace

bool holds_its_elements(const base::Tensor& tensor) {
  const auto elements = tensor.shape.elements();
  if (!elements) return false;
  Bytes rest = tensor.bytes.bytes;
  if (tensor.dtype != DType::kBytes) {
    const std::size_t each = base::element_bytes(tensor.dtype);
    return rest.size() % each == 0 && std::cmp_equal(rest.size() / each, *elements);
  }
  const bool has_all = base::skip_bytes_elements(rest, static_cast<std::uint64_t>(*elements));
  return has_all && rest.empty();
}

std::string difference_of(std::string_view name, const base::Tensor& found,
                          const base::Tensor& wanted, double tolerance, std::int64_t first_row) {
  const std::string output(name);
  if (!found.is_present) return output + " is missing";
  if (found.dtype != wanted.dtype) {
    return output + " is " + std::string(name_of(found.dtype)) + ", wanted " +
           std::string(name_of(wanted.dtype));
  }
  if (found.shape != wanted.shape) {
    return output + " has shape " + found.shape.text() + ", wanted " + wanted.shape.text();
  }
  if (!holds_its_elements(found)) {
    return output + " has " + std::to_string(found.bytes.bytes.size()) +
           " bytes, which are not the elements of its shape " + found.shape.text();
  }
  const auto differing = first_of(found.dtype, found.bytes.bytes, wanted.bytes.bytes, tolerance);
  if (!differing) return "";
  return output + place_of(differing->element, wanted.shape, first_row) + " is " +
         differing->found + ", wanted " + differing->wanted;
}

}  // namespace penstock::model
