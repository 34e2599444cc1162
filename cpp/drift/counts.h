// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "drift/left.h"

namespace penstock::drift {

// Some rows as they came, drawn evenly. Sensitive columns have no values in it.
struct Sample {
  std::size_t rows = 0;
  std::vector<float> numbers;  // [rows, columns]; NaN in columns that are no numbers
  // By the index of a column of categories: a value for each row. What is missing: an empty text,
  // nothing.
  std::map<std::uint32_t, std::vector<std::string>> texts;
  std::map<std::uint32_t, std::vector<std::optional<std::int64_t>>> integers;
};

// What was counted of a version since it was asked last: penstock.drift.Taken.
struct Counts {
  std::vector<std::uint32_t> shown;                   // by place
  std::vector<std::uint32_t> tested;                  // by place
  std::vector<std::array<std::uint32_t, 2>> outside;  // by column: below, above
  std::vector<std::array<double, 4>> moments;         // by column: sum, squares, least, greatest
  std::uint64_t requests = 0;
  std::uint64_t rows = 0;
  std::uint64_t tested_rows = 0;
  std::uint64_t repeated_rows = 0;
  std::uint64_t capped_rows = 0;
  std::uint64_t unfit_rows = 0;  // of which a tensor had fewer elements than the columns look at
  LeftRows left{};               // that were answered, and are in nothing above
  Sample sample;
};

}  // namespace penstock::drift
