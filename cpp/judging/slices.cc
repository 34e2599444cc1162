// SPDX-License-Identifier: Apache-2.0
#include "judging/slices.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace penstock::judging {
namespace {

constexpr double kDeviations = 3.0;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The deciles of `values`, each once, without the least value: nothing lies below it.
std::vector<double> deciles_of(std::vector<double>& values) {
  std::vector<double> edges;
  if (values.empty()) return edges;
  std::ranges::sort(values);
  for (std::size_t i = 1; i < kSliceBinsMax; ++i) {
    const double edge = values[i * values.size() / kSliceBinsMax];
    if (edge > (edges.empty() ? values.front() : edges.back())) edges.push_back(edge);
  }
  return edges;
}

}  // namespace

double wilson_lower(std::uint64_t hits, std::uint64_t total, double z) {
  if (total == 0) return 0.0;
  const auto n = static_cast<double>(total);
  const double share = static_cast<double>(hits) / n;
  const double room = z * std::sqrt((share * (1.0 - share) + z * z / (4.0 * n)) / n);
  return std::max(0.0, (share + z * z / (2.0 * n) - room) / (1.0 + z * z / n));
}

Slices::Slices(std::size_t columns) : columns_(std::min(columns, kSliceColumnsMax)) {}

void Slices::add(std::span<const double> row, bool agrees) {
  PENSTOCK_CHECK(row.size() >= columns_.size());
  if (columns_.empty()) return;
  row = row.first(columns_.size());
  if (has_learnt_) return count(row, agrees);
  kept_.insert(kept_.end(), row.begin(), row.end());
  kept_agrees_.push_back(agrees);
  if (kept_agrees_.size() == kSliceRowsLearnt) learn();
}

void Slices::learn() {
  std::vector<double> values;
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    values.clear();
    for (std::size_t at = column; at < kept_.size(); at += columns_.size()) {
      if (!std::isnan(kept_[at])) values.push_back(kept_[at]);
    }
    columns_[column].edges = deciles_of(values);
  }
  has_learnt_ = true;
  for (std::size_t row = 0; row < kept_agrees_.size(); ++row) {
    count(std::span(kept_).subspan(row * columns_.size(), columns_.size()), kept_agrees_[row]);
  }
  kept_ = {};
  kept_agrees_ = {};
}

void Slices::count(std::span<const double> row, bool agrees) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    if (std::isnan(row[i])) {
      column.missing.add(agrees);
      continue;
    }
    const auto bin = std::ranges::upper_bound(column.edges, row[i]) - column.edges.begin();
    column.bins[static_cast<std::size_t>(bin)].add(agrees);
  }
}

std::vector<Slice> Slices::worst(std::size_t count) const {
  std::vector<Slice> slices;
  for (std::size_t i = 0; has_learnt_ && i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    const auto tell = [&](const Tally& tally, bool is_missing, double low, double high) {
      const std::uint64_t disagreed = tally.rows - tally.agreed;
      if (disagreed == 0) return;
      slices.push_back({.column = i,
                        .is_missing = is_missing,
                        .low = low,
                        .high = high,
                        .rows = tally.rows,
                        .agreed = tally.agreed,
                        .disagreement_min = wilson_lower(disagreed, tally.rows, kDeviations)});
    };
    for (std::size_t bin = 0; bin <= column.edges.size(); ++bin) {
      tell(column.bins[bin], false, bin == 0 ? -kInfinity : column.edges[bin - 1],
           bin == column.edges.size() ? kInfinity : column.edges[bin]);
    }
    tell(column.missing, true, std::numeric_limits<double>::quiet_NaN(),
         std::numeric_limits<double>::quiet_NaN());
  }
  std::ranges::stable_sort(slices, std::ranges::greater(), &Slice::disagreement_min);
  if (slices.size() > count) slices.resize(count);
  return slices;
}

}  // namespace penstock::judging
