// SPDX-License-Identifier: Apache-2.0
#include "serving/prediction.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/narrow_float.h"

namespace penstock::serving {
namespace {

template <class T>
T read(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

double number_at(base::DType dtype, const std::byte* at) {
  switch (dtype) {
    case base::DType::kBool:
    case base::DType::kUint8: return read<std::uint8_t>(at);
    case base::DType::kUint16: return read<std::uint16_t>(at);
    case base::DType::kUint32: return read<std::uint32_t>(at);
    case base::DType::kUint64: return static_cast<double>(read<std::uint64_t>(at));
    case base::DType::kInt8: return read<std::int8_t>(at);
    case base::DType::kInt16: return read<std::int16_t>(at);
    case base::DType::kInt32: return read<std::int32_t>(at);
    case base::DType::kInt64: return static_cast<double>(read<std::int64_t>(at));
    case base::DType::kFp16: return base::float_of_fp16(read<std::uint16_t>(at));
    case base::DType::kBf16: return base::float_of_bf16(read<std::uint16_t>(at));
    case base::DType::kFp32: return read<float>(at);
    case base::DType::kFp64: return read<double>(at);
    case base::DType::kBytes: break;
  }
  return NAN;
}

}  // namespace

std::optional<double> prediction_of(const base::Tensor& output, bool batches) {
  const std::size_t element = base::element_bytes(output.dtype);
  if (element == 0 || !output.is_present) return std::nullopt;
  const std::size_t elements = output.bytes.bytes.size() / element;
  const auto rows = static_cast<std::size_t>(
      batches && output.shape.rank() > 0 && output.shape[0] > 0 ? output.shape[0] : 1);
  const std::size_t row = elements / rows;
  if (row == 0) return std::nullopt;
  const double number = number_at(output.dtype, output.bytes.bytes.data() + (row - 1) * element);
  return std::isnan(number) ? std::nullopt : std::optional(number);
}

}  // namespace penstock::serving
