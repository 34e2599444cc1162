// SPDX-License-Identifier: Apache-2.0
#include "judging/finite.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace penstock::judging {
namespace {

// Whether an element's exponent has all bits set. Elements may be unaligned. Without a branch, for
// the loop is meant to be done by vectors.
template <class Bits>
bool has_none(std::span<const std::byte> bytes, Bits exponent) {
  bool has_one = false;
  for (std::size_t at = 0; at + sizeof(Bits) <= bytes.size(); at += sizeof(Bits)) {
    Bits bits;
    std::memcpy(&bits, bytes.data() + at, sizeof bits);
    has_one |= (bits & exponent) == exponent;
  }
  return !has_one;
}

}  // namespace

bool is_finite(const base::Tensor& tensor) {
  const std::span<const std::byte> bytes = tensor.bytes.bytes;
  switch (tensor.dtype) {
    case base::DType::kFp16: return has_none<std::uint16_t>(bytes, 0x7c00);
    case base::DType::kBf16: return has_none<std::uint16_t>(bytes, 0x7f80);
    case base::DType::kFp32: return has_none<std::uint32_t>(bytes, 0x7f800000);
    case base::DType::kFp64: return has_none<std::uint64_t>(bytes, 0x7ff0000000000000);
    default: return true;
  }
}

bool are_finite(std::span<const base::Tensor> tensors) {
  return std::ranges::all_of(
      tensors, [](const base::Tensor& tensor) { return !tensor.is_present || is_finite(tensor); });
}

}  // namespace penstock::judging
