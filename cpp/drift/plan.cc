// SPDX-License-Identifier: Apache-2.0
#include "drift/plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <set>
#include <utility>

#include "base/text.h"
#include "drift/bin_map.h"
#include "drift/category_map.h"
#include "drift/projection.h"

namespace penstock::drift {
namespace {

using base::DType;
using base::Result;

constexpr std::array<std::pair<std::string_view, Reading>, 6> kReadings = {{
    {"number", Reading::kNumber},
    {"category", Reading::kCategory},
    {"present", Reading::kPresent},
    {"length", Reading::kLength},
    {"norm", Reading::kNorm},
    {"projection", Reading::kProjection},
}};

std::unexpected<base::Error> refuse(const ColumnSpec& column, const std::string& why) {
  return base::fail(base::Code::kInvalidArgument,
                    "column " + base::quote(column.name) + " cannot be watched: " + why);
}

bool is_floating(DType dtype) {
  return dtype == DType::kFp16 || dtype == DType::kBf16 || dtype == DType::kFp32 ||
         dtype == DType::kFp64;
}

std::string_view name_of(Reading reading) {
  return std::ranges::find(kReadings, reading, &std::pair<std::string_view, Reading>::second)
      ->first;
}

Result<> check_edges(const ColumnSpec& column) {
  if (column.edges.size() > kEdgesMax) {
    return refuse(column, "wanted at most " + std::to_string(kEdgesMax) + " edges, found " +
                              std::to_string(column.edges.size()));
  }
  const bool are_finite =
      std::ranges::all_of(column.edges, [](float e) { return std::isfinite(e); });
  const bool ascend =
      std::ranges::adjacent_find(column.edges, std::greater_equal()) == column.edges.end();
  if (!are_finite || !ascend) {
    return refuse(column, "wanted finite edges of which each is greater than the one before");
  }
  if (!std::isfinite(column.shift)) return refuse(column, "wanted a finite shift");
  return {};
}

template <class T>
Result<> check_names(const ColumnSpec& column, const std::vector<T>& names) {
  if (names.size() > kCategoriesMax) {
    return refuse(column, "wanted at most " + std::to_string(kCategoriesMax) +
                              " categories, found " + std::to_string(names.size()));
  }
  if (std::set<T>(names.begin(), names.end()).size() != names.size()) {
    return refuse(column, "one of its categories stands there twice; name each once");
  }
  return {};
}

Result<> check_categories(const ColumnSpec& column, DType dtype) {
  const bool are_texts = std::holds_alternative<std::vector<std::string>>(column.categories);
  const bool is_empty =
      std::visit([](const auto& names) { return names.empty(); }, column.categories);
  if (!is_empty && are_texts != (dtype == DType::kBytes)) {
    return refuse(column, std::string("its tensor is ") + std::string(base::name_of(dtype)) +
                              ", and its categories are " + (are_texts ? "texts" : "numbers"));
  }
  return std::visit([&](const auto& names) { return check_names(column, names); },
                    column.categories);
}

Result<> check_reading(const ColumnSpec& column, DType dtype) {
  const bool is_text = dtype == DType::kBytes;
  bool fits = true;
  switch (column.reading) {
    case Reading::kNumber:
    case Reading::kNorm:
    case Reading::kProjection: fits = !is_text; break;
    case Reading::kLength: fits = is_text; break;
    case Reading::kCategory: fits = !is_floating(dtype); break;
    case Reading::kPresent: break;
  }
  if (!fits) {
    return refuse(column, "its tensor " + base::quote(column.tensor) + " is " +
                              std::string(base::name_of(dtype)) + ", which cannot be read as " +
                              std::string(name_of(column.reading)));
  }
  if (column.is_sensitive != (column.reading == Reading::kPresent)) {
    return refuse(column, "a sensitive column is read as present, and no other one is");
  }
  if (column.reading == Reading::kProjection && column.element >= kProjections) {
    return refuse(column, "wanted a projection below " + std::to_string(kProjections) + ", found " +
                              std::to_string(column.element));
  }
  return column.reading == Reading::kCategory ? check_categories(column, dtype)
                                              : check_edges(column);
}

bool reads_whole_row(Reading reading) {
  return reading == Reading::kNorm || reading == Reading::kProjection;
}

std::uint32_t places_of(const ColumnSpec& column) {
  switch (column.reading) {
    case Reading::kPresent: return 2;
    case Reading::kCategory:
      return std::visit([](const auto& names) { return static_cast<std::uint32_t>(names.size()); },
                        column.categories) +
             2;
    default: return static_cast<std::uint32_t>(column.edges.size()) + 3;
  }
}

// Elements of a row; 0: of any number.
std::uint64_t row_elements(const base::TensorSpec& spec) {
  std::uint64_t elements = 1;
  for (const std::int64_t dim : spec.dims) {
    if (dim <= 0) return 0;
    elements *= static_cast<std::uint64_t>(std::min<std::int64_t>(dim, kRowBytesMax + 1));
    elements = std::min<std::uint64_t>(elements, kRowBytesMax + 1);
  }
  return elements;
}

Result<> check_size(const ColumnSpec& column, const base::TensorSpec& spec) {
  const std::uint64_t elements = row_elements(spec);
  if (elements * base::element_bytes(spec.dtype) > kRowBytesMax || elements > kRowBytesMax) {
    return refuse(column, "a row of its tensor " + base::quote(column.tensor) +
                              " has more than the " + std::to_string(kRowBytesMax) +
                              " bytes that are looked at; leave the tensor out");
  }
  const std::uint64_t known = elements == 0 ? kRowBytesMax : elements;
  if (!reads_whole_row(column.reading) && column.element >= known) {
    return refuse(column, "its tensor " + base::quote(column.tensor) + " has no element " +
                              std::to_string(column.element) + " in a row" +
                              (elements == 0 ? "" : ", which has " + std::to_string(elements)));
  }
  return {};
}

}  // namespace

std::optional<Reading> reading_named(std::string_view name) {
  const auto* const found =
      std::ranges::find(kReadings, name, &std::pair<std::string_view, Reading>::first);
  return found == kReadings.end() ? std::nullopt : std::optional(found->second);
}

Result<Plan> Plan::make(std::vector<ColumnSpec> columns, const base::Signature& signature) {
  if (columns.empty() || columns.size() > kColumnsMax) {
    return base::fail(base::Code::kInvalidArgument, "wanted 1 to " + std::to_string(kColumnsMax) +
                                                        " columns to be watched, found " +
                                                        std::to_string(columns.size()));
  }
  constexpr std::uint32_t kUnused = ~std::uint32_t{0};
  std::array<std::vector<std::uint32_t>, 2> used = {std::vector(signature.inputs.size(), kUnused),
                                                    std::vector(signature.outputs.size(), kUnused)};
  std::vector<std::size_t> index(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const ColumnSpec& column = columns[i];
    const auto& specs = column.is_output ? signature.outputs : signature.inputs;
    const auto found = std::ranges::find(specs, column.tensor, &base::TensorSpec::name);
    if (found == specs.end()) {
      return refuse(column, std::string("the version has no ") +
                                (column.is_output ? "output " : "input ") +
                                base::quote(column.tensor));
    }
    if (auto fine = check_reading(column, found->dtype); !fine) {
      return std::unexpected(std::move(fine).error());
    }
    if (auto fine = check_size(column, *found); !fine) {
      return std::unexpected(std::move(fine).error());
    }
    index[i] = static_cast<std::size_t>(found - specs.begin());
    used[column.is_output ? 1 : 0][index[i]] = 0;
  }
  Plan plan;
  for (const bool is_output : {false, true}) {
    const auto& specs = is_output ? signature.outputs : signature.inputs;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      std::uint32_t& place = used[is_output ? 1 : 0][i];
      if (place == kUnused) continue;
      place = static_cast<std::uint32_t>(plan.tensors.size());
      plan.tensors.push_back({.is_output = is_output,
                              .index = static_cast<std::uint32_t>(i),
                              .dtype = specs[i].dtype,
                              .elements = row_elements(specs[i])});
      if (!is_output) ++plan.inputs;
    }
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    PlannedColumn column{.spec = std::move(columns[i]),
                         .tensor = used[columns[i].is_output ? 1 : 0][index[i]],
                         .first_place = plan.places,
                         .places = 0};
    column.places = places_of(column.spec);
    plan.places += column.places;
    PlannedTensor& tensor = plan.tensors[column.tensor];
    const std::uint64_t least = reads_whole_row(column.spec.reading) ? 1 : column.spec.element + 1;
    tensor.elements_min = std::max(tensor.elements_min, least);
    plan.columns.push_back(std::move(column));
  }
  return plan;
}

}  // namespace penstock::drift
