// SPDX-License-Identifier: Apache-2.0
#include "model/native_convert.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/check.h"

namespace penstock::model {
namespace {

using base::DType;

template <class To, class From>
To cast(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // Through what a register holds: narrower kinds take its lower bits.
    using Wide = std::conditional_t<sizeof(To) == 4, std::int32_t, std::int64_t>;
    constexpr auto kEnd = -static_cast<From>(std::numeric_limits<Wide>::min());
    const bool fits = x >= -kEnd && x < kEnd;
    return static_cast<To>(fits ? static_cast<Wide>(x) : std::numeric_limits<Wide>::min());
  } else {
    return static_cast<To>(x);
  }
}

template <class From, class To>
void convert(const std::byte* from, std::byte* to, std::size_t count) {
  if constexpr (std::is_same_v<From, To> && !std::is_same_v<From, bool>) {
    if (count > 0) std::memcpy(to, from, count * sizeof(From));
  } else {
    // A BOOL is read as a byte: one that is neither 0 nor 1 is no bool.
    using Read = std::conditional_t<std::is_same_v<From, bool>, std::uint8_t, From>;
    for (std::size_t i = 0; i < count; ++i) {
      Read read;
      std::memcpy(&read, from + i * sizeof read, sizeof read);
      To written;
      if constexpr (std::is_same_v<From, bool>) {
        written = static_cast<To>(read != 0);
      } else {
        written = cast<To>(read);
      }
      std::memcpy(to + i * sizeof written, &written, sizeof written);
    }
  }
}

template <class From>
ConvertElements converter_from(DType to) {
  switch (to) {
    case DType::kBool: return &convert<From, bool>;
    case DType::kUint8: return &convert<From, std::uint8_t>;
    case DType::kInt32: return &convert<From, std::int32_t>;
    case DType::kInt64: return &convert<From, std::int64_t>;
    case DType::kFp32: return &convert<From, float>;
    case DType::kFp64: return &convert<From, double>;
    default: break;
  }
  PENSTOCK_CHECK(!"a datatype that no port has");
  return nullptr;
}

}  // namespace

ConvertElements converter(DType from, DType to) {
  switch (from) {
    case DType::kBool: return converter_from<bool>(to);
    case DType::kUint8: return converter_from<std::uint8_t>(to);
    case DType::kInt32: return converter_from<std::int32_t>(to);
    case DType::kInt64: return converter_from<std::int64_t>(to);
    case DType::kFp32: return converter_from<float>(to);
    case DType::kFp64: return converter_from<double>(to);
    default: break;
  }
  PENSTOCK_CHECK(!"a datatype that no port has");
  return nullptr;
}

DType dtype_of(artifact::Kind kind) {
  switch (kind) {
    case artifact::Kind::kFloat32: return DType::kFp32;
    case artifact::Kind::kFloat64: return DType::kFp64;
    case artifact::Kind::kInt64: return DType::kInt64;
    case artifact::Kind::kText: return DType::kBytes;
  }
  PENSTOCK_CHECK(!"a kind that the check of the file lets through");
  return DType::kFp32;
}

}  // namespace penstock::model
