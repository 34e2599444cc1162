// SPDX-License-Identifier: Apache-2.0
#include "base/dtype.h"

#include <array>

namespace penstock::base {
namespace {

struct Row {
  std::string_view name;
  std::size_t bytes;
};

// In the order of the enum.
constexpr std::array<Row, kDTypeCount> kRows = {{
    {"BOOL", 1},
    {"UINT8", 1},
    {"UINT16", 2},
    {"UINT32", 4},
    {"UINT64", 8},
    {"INT8", 1},
    {"INT16", 2},
    {"INT32", 4},
    {"INT64", 8},
    {"FP16", 2},
    {"BF16", 2},
    {"FP32", 4},
    {"FP64", 8},
    {"BYTES", 0},
}};

}  // namespace

std::string_view name_of(DType dtype) { return kRows[static_cast<std::size_t>(dtype)].name; }

std::optional<DType> dtype_named(std::string_view name) {
  // Nearly every request says FP32.
  if (name == "FP32") return DType::kFp32;
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::size_t element_bytes(DType dtype) { return kRows[static_cast<std::size_t>(dtype)].bytes; }

}  // namespace penstock::base
