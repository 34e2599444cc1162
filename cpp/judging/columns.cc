// SPDX-License-Identifier: Apache-2.0
#include "judging/columns.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/narrow_float.h"

namespace penstock::judging {
namespace {

using base::DType;

template <class Raw, class Widen>
void read_as(const base::Tensor& input, std::size_t rows, std::size_t columns, std::size_t stride,
             std::span<double> values, Widen widen) {
  const std::size_t per_row = input.bytes.bytes.size() / sizeof(Raw) / rows;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < columns; ++i) {
      Raw raw;
      std::memcpy(&raw, input.bytes.bytes.data() + (row * per_row + i) * sizeof raw, sizeof raw);
      values[row * stride + i] = static_cast<double>(widen(raw));
    }
  }
}

constexpr auto kAsItIs = [](auto raw) { return raw; };

}  // namespace

std::size_t columns_of(const base::Tensor& input, std::int64_t rows) {
  if (!input.is_present || input.dtype == DType::kBytes || rows < 1) return 0;
  const std::size_t elements = input.bytes.bytes.size() / base::element_bytes(input.dtype);
  const auto count = static_cast<std::size_t>(rows);
  return elements % count == 0 ? elements / count : 0;
}

void read_columns(const base::Tensor& input, std::int64_t rows, std::size_t columns,
                  std::size_t stride, std::span<double> values) {
  PENSTOCK_CHECK(columns <= columns_of(input, rows));
  if (columns == 0) return;
  const auto count = static_cast<std::size_t>(rows);
  const auto read = [&]<class Raw>(Raw, auto widen) {
    read_as<Raw>(input, count, columns, stride, values, widen);
  };
  switch (input.dtype) {
    case DType::kBool:
    case DType::kUint8: return read(std::uint8_t{}, kAsItIs);
    case DType::kUint16: return read(std::uint16_t{}, kAsItIs);
    case DType::kUint32: return read(std::uint32_t{}, kAsItIs);
    case DType::kUint64: return read(std::uint64_t{}, kAsItIs);
    case DType::kInt8: return read(std::int8_t{}, kAsItIs);
    case DType::kInt16: return read(std::int16_t{}, kAsItIs);
    case DType::kInt32: return read(std::int32_t{}, kAsItIs);
    case DType::kInt64: return read(std::int64_t{}, kAsItIs);
    case DType::kFp16: return read(std::uint16_t{}, base::float_of_fp16);
    case DType::kBf16: return read(std::uint16_t{}, base::float_of_bf16);
    case DType::kFp32: return read(float{}, kAsItIs);
    case DType::kFp64: return read(double{}, kAsItIs);
    case DType::kBytes: return;
  }
}

}  // namespace penstock::judging
