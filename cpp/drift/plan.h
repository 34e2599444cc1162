// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"

namespace penstock::drift {

// How a row of a tensor becomes the value of a column.
enum class Reading : std::uint8_t {
  kNumber,      // the element, as float32
  kCategory,    // the element, by name
  kPresent,     // whether the element is missing, and nothing else: a sensitive column
  kLength,      // bytes of the element, a text
  kNorm,        // of all elements of the row
  kProjection,  // `element` numbers it
};
std::optional<Reading> reading_named(std::string_view name);

// What Python's penstock.drift.WatchedColumn says.
struct ColumnSpec {
  std::string name = {};
  std::string tensor = {};
  bool is_output = false;
  Reading reading = Reading::kNumber;
  std::uint64_t element = 0;
  std::vector<float> edges = {};
  std::variant<std::vector<std::int64_t>, std::vector<std::string>> categories = {};
  std::optional<double> minimum = {};
  std::optional<double> maximum = {};
  double shift = 0;
  bool is_sensitive = false;
};

struct PlannedColumn {
  ColumnSpec spec;
  std::uint32_t tensor = 0;  // of Plan::tensors
  std::uint32_t first_place = 0;
  std::uint32_t places = 0;
};

struct PlannedTensor {
  bool is_output = false;
  std::uint32_t index = 0;  // in the signature's inputs, or outputs
  base::DType dtype = base::DType::kFp32;
  std::uint64_t elements = 0;      // of a row; 0: of any size
  std::uint64_t elements_min = 0;  // that the columns look at
};

inline constexpr std::size_t kColumnsMax = 10'000;
inline constexpr std::size_t kRowBytesMax = std::size_t{256} << 10;

// What is counted of one version's rows: its columns, held against its signature.
struct Plan {
  std::vector<PlannedColumn> columns;
  std::vector<PlannedTensor> tensors;  // inputs, then outputs, each in the signature's order
  std::uint32_t inputs = 0;            // of them
  std::uint32_t places = 0;

  // kInvalidArgument, with one sentence, for columns that the signature or the bounds do not allow.
  static base::Result<Plan> make(std::vector<ColumnSpec> columns, const base::Signature& signature);
};

}  // namespace penstock::drift
