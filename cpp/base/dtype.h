// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::base {

// The datatypes of the V2 protocol. kBytes elements have no fixed size: each is a little-endian
// u32 length followed by that many bytes, in the core as on the wire.
enum class DType : std::uint8_t {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFp16,
  kBf16,
  kFp32,
  kFp64,
  kBytes,
};
inline constexpr std::size_t kDTypeCount = 14;

// The protocol's name, e.g. "FP32".
std::string_view name_of(DType dtype);

// The datatype of that name, if there is one.
std::optional<DType> dtype_named(std::string_view name);

// Bytes per element; 0 for kBytes.
std::size_t element_bytes(DType dtype);

}  // namespace penstock::base
