// SPDX-License-Identifier: Apache-2.0
#pragma once

// Rows for the tests of drift/: tensors as bytes, and plans of a column or two.

#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/tensor.h"
#include "drift/plan.h"
#include "drift/record.h"

namespace penstock::testing {

template <class T>
std::vector<std::byte> raw(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

inline std::vector<std::byte> raw_texts(const std::vector<std::string>& texts) {
  std::vector<std::byte> bytes;
  for (const std::string& text : texts) {
    const auto length = static_cast<std::uint32_t>(text.size());
    const auto head = std::as_bytes(std::span(&length, 1));
    bytes.insert(bytes.end(), head.begin(), head.end());
    const auto body = std::as_bytes(std::span(text.data(), text.size()));
    bytes.insert(bytes.end(), body.begin(), body.end());
  }
  return bytes;
}

// One request's rows; keeps their bytes.
class SentRows {
 public:
  explicit SentRows(std::uint32_t rows) : rows_(rows) {}
  SentRows& add(std::vector<std::byte> bytes) {
    kept_.push_back(std::move(bytes));
    return *this;
  }
  SentRows& left_out() {
    kept_.emplace_back();
    return *this;
  }
  SentRows& key(std::uint64_t key) {
    key_ = key;
    has_key_ = true;
    return *this;
  }
  drift::Rows rows() {
    spans_.clear();
    for (const auto& bytes : kept_) {
      spans_.push_back(bytes.empty() ? std::span<const std::byte>() : std::span(bytes));
    }
    return {.rows = rows_, .has_key = has_key_, .key = key_, .tensors = spans_};
  }

 private:
  std::uint32_t rows_;
  bool has_key_ = false;
  std::uint64_t key_ = 0;
  std::vector<std::vector<std::byte>> kept_;
  std::vector<std::span<const std::byte>> spans_;
};

inline drift::ColumnSpec column(std::string tensor, drift::Reading reading,
                                std::uint64_t element = 0, std::vector<float> edges = {}) {
  return {.name = tensor + "." + std::to_string(element),
          .tensor = tensor,
          .reading = reading,
          .element = element,
          .edges = std::move(edges),
          .is_sensitive = reading == drift::Reading::kPresent};
}

inline drift::Plan plan_of(std::vector<drift::ColumnSpec> columns,
                           const base::Signature& signature) {
  auto plan = drift::Plan::make(std::move(columns), signature);
  PENSTOCK_CHECK(plan.has_value());
  return *std::move(plan);
}

}  // namespace penstock::testing
