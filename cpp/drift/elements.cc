// SPDX-License-Identifier: Apache-2.0
#include "drift/elements.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/check.h"
#include "base/narrow_float.h"

namespace penstock::drift {
namespace {

using base::DType;

struct Bool {
  std::uint8_t byte;
};
struct Fp16 {
  std::uint16_t bits;
};
struct Bf16 {
  std::uint16_t bits;
};

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
float number(const std::byte* element) {
  const T value = load<T>(element);
  if constexpr (std::is_same_v<T, Bool>) {
    return value.byte == 0 ? 0.0F : 1.0F;
  } else if constexpr (std::is_same_v<T, Fp16>) {
    return base::float_of_fp16(value.bits);
  } else if constexpr (std::is_same_v<T, Bf16>) {
    return base::float_of_bf16(value.bits);
  } else {
    return static_cast<float>(value);
  }
}

template <class T>
std::int64_t integer(const std::byte* element) {
  const T value = load<T>(element);
  if constexpr (std::is_same_v<T, Bool>) {
    return value.byte == 0 ? 0 : 1;
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    constexpr auto kGreatest = std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(std::min<std::uint64_t>(value, kGreatest));
  } else {
    return static_cast<std::int64_t>(value);
  }
}

template <class T>
void gather(const std::byte* const* rows, std::size_t offset, std::size_t count, Block& block) {
  constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t i = 0; i < count; ++i) {
    block.values[i] = rows[i] == nullptr ? kMissing : number<T>(rows[i] + offset);
  }
  std::fill(block.values.begin() + count, block.values.end(), kMissing);
}

// `pick` of the type that a tensor's elements have.
template <class Pick>
auto of_type(DType dtype, Pick pick) {
  switch (dtype) {
    case DType::kBool: return pick(Bool{});
    case DType::kUint8: return pick(std::uint8_t{});
    case DType::kUint16: return pick(std::uint16_t{});
    case DType::kUint32: return pick(std::uint32_t{});
    case DType::kUint64: return pick(std::uint64_t{});
    case DType::kInt8: return pick(std::int8_t{});
    case DType::kInt16: return pick(std::int16_t{});
    case DType::kInt32: return pick(std::int32_t{});
    case DType::kInt64: return pick(std::int64_t{});
    case DType::kFp16: return pick(Fp16{});
    case DType::kBf16: return pick(Bf16{});
    case DType::kFp32: return pick(float{});
    case DType::kFp64: return pick(double{});
    case DType::kBytes: break;
  }
  PENSTOCK_CHECK(dtype != DType::kBytes);
  return pick(float{});
}

}  // namespace

GatherNumbers gather_numbers(DType dtype) {
  return of_type(dtype, []<class T>(T) -> GatherNumbers { return gather<T>; });
}

ReadNumber read_number(DType dtype) {
  return of_type(dtype, []<class T>(T) -> ReadNumber { return number<T>; });
}

ReadInteger read_integer(DType dtype) {
  return of_type(dtype, []<class T>(T) -> ReadInteger {
    if constexpr (std::is_integral_v<T> || std::is_same_v<T, Bool>) {
      return integer<T>;
    } else {
      PENSTOCK_CHECK(std::is_integral_v<T>);
      return nullptr;
    }
  });
}

}  // namespace penstock::drift
