// SPDX-License-Identifier: Apache-2.0
#include "model/artifact_step_checks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace penstock::model::artifact {
namespace {

using base::Result;
using Reads = std::span<const Value>;

std::string text_of(Value value) {
  return std::string(name_of(value.kind)) + " of width " + std::to_string(value.width);
}

std::unexpected<base::Error> wrong_values(Reads reads, Value writes, std::string_view wanted) {
  std::string found;
  for (std::size_t i = 0; i < std::min<std::size_t>(reads.size(), 4); ++i) {
    found += (i == 0 ? "" : ", ") + text_of(reads[i]);
  }
  if (reads.size() > 4) found += ", ...";
  return refuse("reads " + found + " and writes " + text_of(writes) + ": wanted " +
                std::string(wanted));
}

bool is_one(Reads reads) { return reads.size() == 1; }
bool is_same(Value a, Value b) { return a.kind == b.kind && a.width == b.width; }

template <class T>
bool is_finite(Bytes blob) {
  return std::ranges::all_of(elements<T>(blob), [](T x) { return std::isfinite(x); });
}

// Elements of a value's kind, all of them finite if they are floats.
Result<> check_elements(Bytes blob, std::uint64_t count, Kind kind, std::string_view what) {
  switch (kind) {
    case Kind::kFloat32: return check_floats(blob, count, what);
    case Kind::kFloat64: return check_doubles(blob, count, what);
    default: return check_size(blob, count, element_bytes(kind), what);
  }
}

struct StepCheck {
  Reads reads;
  Value writes;

  Result<> operator()(std::monostate) const {
    return refuse("is of a kind that this version does not know: update Penstock");
  }

  Result<> operator()(const Convert&) const {
    if (is_one(reads) && is_number(reads[0].kind) && is_number(writes.kind) &&
        reads[0].width == writes.width) {
      return {};
    }
    return wrong_values(reads, writes, "one value of numbers and as many columns of numbers");
  }

  Result<> same_floats() const {
    if (is_one(reads) && is_same(reads[0], writes) && is_float(writes.kind)) return {};
    return wrong_values(reads, writes, "one FLOAT32 or FLOAT64 and the same");
  }

  Result<> operator()(const Affine& affine) const {
    if (auto checked = same_floats(); !checked) return checked;
    if (auto checked = check_elements(affine.offset, writes.width, writes.kind, "offset");
        !checked) {
      return checked;
    }
    return check_elements(affine.scale, writes.width, writes.kind, "scale");
  }

  Result<> operator()(const Normalize& normalize) const {
    if (auto checked = same_floats(); !checked) return checked;
    if (normalize.norm >= Norm::kL1 && normalize.norm <= Norm::kMax) return {};
    return refuse("has a norm that this version does not know: update Penstock");
  }

  Result<> operator()(const Impute& impute) const {
    if (!is_one(reads) || !is_same(reads[0], writes) || !is_number(writes.kind)) {
      return wrong_values(reads, writes, "one value of numbers and the same");
    }
    return check_size(impute.replacement, writes.width, element_bytes(writes.kind), "replacement");
  }

  Result<> operator()(const OneHot& one_hot) const {
    if (!is_one(reads) || !is_number(reads[0].kind) || !is_number(writes.kind)) {
      return wrong_values(reads, writes, "one value of numbers, and one of numbers");
    }
    if (one_hot.counts.size() != reads[0].width) {
      return refuse("has counts of " + std::to_string(one_hot.counts.size()) +
                    " columns: wanted one of each of the " + std::to_string(reads[0].width));
    }
    std::uint64_t sum = 0;
    for (const std::uint32_t count : one_hot.counts) sum += count;
    if (sum != writes.width) {
      return refuse("has " + std::to_string(sum) + " categories: wanted one of each of the " +
                    std::to_string(writes.width) + " columns that it writes");
    }
    return check_size(one_hot.categories, sum, element_bytes(reads[0].kind), "categories");
  }

  Result<> operator()(const Lookup& lookup) const {
    if (!is_one(reads) || !is_number(reads[0].kind) || !is_number(writes.kind) ||
        reads[0].width != writes.width) {
      return wrong_values(reads, writes, "one value of numbers and as many columns of numbers");
    }
    const std::uint64_t keys = lookup.keys.size() / element_bytes(reads[0].kind);
    if (auto checked = check_size(lookup.keys, keys, element_bytes(reads[0].kind), "keys");
        !checked) {
      return checked;
    }
    if (auto checked = check_size(lookup.values, keys, element_bytes(writes.kind), "values");
        !checked) {
      return checked;
    }
    if (auto checked = check_size(lookup.otherwise, 1, element_bytes(writes.kind), "otherwise");
        !checked) {
      return checked;
    }
    switch (reads[0].kind) {
      case Kind::kFloat32: return check_order<float>(lookup.keys);
      case Kind::kFloat64: return check_order<double>(lookup.keys);
      default: return check_order<std::int64_t>(lookup.keys);
    }
  }

  template <class T>
  static Result<> check_order(Bytes blob) {
    auto keys = elements<T>(blob);
    if constexpr (std::is_floating_point_v<T>) {
      if (!keys.empty() && std::isnan(keys.back())) keys = keys.first(keys.size() - 1);
    }
    // A NaN elsewhere is not less than its neighbour.
    for (std::size_t i = 1; i < keys.size(); ++i) {
      if (!(keys[i - 1] < keys[i])) {
        return refuse("has keys that do not ascend at place " + std::to_string(i));
      }
    }
    if constexpr (std::is_floating_point_v<T>) {
      if (keys.size() == 1 && std::isnan(keys[0])) return refuse("has two keys that are NaN");
    }
    return {};
  }

  Result<> operator()(const Concat&) const {
    std::uint64_t sum = 0;
    bool is_right = is_number(writes.kind);
    for (const Value& value : reads) {
      is_right = is_right && value.kind == writes.kind;
      sum += value.width;
    }
    if (is_right && sum == writes.width) return {};
    return wrong_values(reads, writes, "numbers of one kind, and as many columns as it reads");
  }

  Result<> operator()(const Select& select) const {
    if (!is_one(reads) || !is_number(writes.kind) || reads[0].kind != writes.kind ||
        select.columns.size() != writes.width) {
      return wrong_values(reads, writes,
                          "one value of numbers and a column of the same kind for each of its " +
                              std::to_string(select.columns.size()));
    }
    for (const std::uint32_t column : select.columns) {
      if (column >= reads[0].width) {
        return refuse("selects column " + std::to_string(column) + " of " +
                      std::to_string(reads[0].width));
      }
    }
    return {};
  }

  Result<> operator()(const Dense& dense) const {
    if (!is_one(reads) || reads[0].kind != Kind::kFloat32 || writes.kind != Kind::kFloat32) {
      return wrong_values(reads, writes, "one FLOAT32 and one FLOAT32");
    }
    return check_dense(dense, reads[0], writes);
  }

  Result<> operator()(const Activation& activation) const {
    if (auto checked = same_floats(); !checked) return checked;
    if (activation.function > Function::kOverSum) {
      return refuse("has a function that this version does not know: update Penstock");
    }
    if (std::isnan(activation.alpha) || std::isnan(activation.beta)) {
      return refuse("has a parameter that is NaN");
    }
    return {};
  }

  Result<> operator()(const Forest& forest) const {
    if (!is_one(reads) || !is_float(reads[0].kind) || !is_float(writes.kind)) {
      return wrong_values(reads, writes, "one FLOAT32 or FLOAT64, and one of those");
    }
    return check_forest(forest, reads[0], writes);
  }

  Result<> operator()(const ArgMax&) const {
    if (is_one(reads) && is_number(reads[0].kind) && writes.kind == Kind::kInt64 &&
        writes.width == 1) {
      return {};
    }
    return wrong_values(reads, writes, "one value of numbers, and INT64 of width 1");
  }

  Result<> operator()(const Threshold& threshold) const {
    if (!is_one(reads) || !is_number(reads[0].kind) || writes.kind != Kind::kInt64 ||
        reads[0].width != writes.width) {
      return wrong_values(reads, writes, "one value of numbers and as many columns of INT64");
    }
    if (std::isnan(threshold.threshold)) return refuse("has a threshold that is NaN");
    return {};
  }

  Result<> operator()(const StringIndex& index) const {
    if (!is_one(reads) || reads[0].kind != Kind::kText || writes.kind != Kind::kInt64 ||
        reads[0].width != writes.width) {
      return wrong_values(reads, writes, "one TEXT and as many columns of INT64");
    }
    std::vector<std::string_view> sorted = index.strings;
    std::ranges::sort(sorted);
    if (std::ranges::adjacent_find(sorted) == sorted.end()) return {};
    return refuse("has a string twice");
  }

  Result<> operator()(const Labels& labels) const {
    if (!labels.strings.empty() && !labels.numbers.empty()) {
      return refuse("has both strings and numbers: wanted one of them");
    }
    const Kind wanted = labels.numbers.empty() ? Kind::kText : Kind::kInt64;
    if (is_one(reads) && reads[0].kind == Kind::kInt64 && writes.kind == wanted &&
        reads[0].width == writes.width) {
      return {};
    }
    return wrong_values(reads, writes,
                        "one INT64 and as many columns of " + std::string(name_of(wanted)));
  }

  Result<> operator()(const Complement&) const {
    if (is_one(reads) && reads[0].kind == writes.kind && is_float(writes.kind) &&
        reads[0].width == 1 && writes.width == 2) {
      return {};
    }
    return wrong_values(reads, writes, "one float of width 1, and one of width 2");
  }

  Result<> operator()(const Onnx& onnx) const {
    if (!std::ranges::all_of(reads, [](Value value) { return is_number(value.kind); }) ||
        !is_number(writes.kind)) {
      return wrong_values(reads, writes, "values of numbers");
    }
    if (onnx.model.empty()) return refuse("has no model");
    return {};
  }
};

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kFloat32: return "FLOAT32";
    case Kind::kFloat64: return "FLOAT64";
    case Kind::kInt64: return "INT64";
    case Kind::kText: return "TEXT";
  }
  return "a kind that is not known";
}

std::size_t element_bytes(Kind kind) { return kind == Kind::kFloat32 ? 4 : 8; }

std::string_view name_of(const What& what) {
  constexpr std::array<std::string_view, std::variant_size_v<What>> kNames = {
      "unknown", "Convert",   "Affine",      "Normalize", "Impute",     "OneHot",
      "Lookup",  "Concat",    "Select",      "Dense",     "Activation", "Forest",
      "ArgMax",  "Threshold", "StringIndex", "Labels",    "Complement", "Onnx"};
  return kNames[what.index()];
}

Result<> check_size(Bytes blob, std::uint64_t count, std::size_t element_bytes,
                    std::string_view what) {
  // Counts are products of two widths at most, so that no product here overflows.
  if (blob.size() % element_bytes == 0 && blob.size() / element_bytes == count) return {};
  return refuse("has " + std::string(what) + " of " + std::to_string(blob.size()) +
                " bytes: wanted " + std::to_string(count) + " elements of " +
                std::to_string(element_bytes));
}

Result<> check_floats(Bytes blob, std::uint64_t count, std::string_view what) {
  if (auto checked = check_size(blob, count, sizeof(float), what); !checked) return checked;
  if (is_finite<float>(blob)) return {};
  return refuse("has " + std::string(what) + " with an element that is NaN or infinite");
}

Result<> check_doubles(Bytes blob, std::uint64_t count, std::string_view what) {
  if (auto checked = check_size(blob, count, sizeof(double), what); !checked) return checked;
  if (is_finite<double>(blob)) return {};
  return refuse("has " + std::string(what) + " with an element that is NaN or infinite");
}

Result<> check_step(const What& what, std::span<const Value> reads, Value writes) {
  return std::visit(StepCheck{reads, writes}, what);
}

}  // namespace penstock::model::artifact
