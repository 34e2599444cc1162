// SPDX-License-Identifier: Apache-2.0
#include "kernels/forest_columns.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

namespace penstock::kernels {
namespace {

// Thresholds that one byte can tell apart.
constexpr std::size_t kPerColumn = 255;

// How many levels a search in so many thresholds takes: the last one ends with infinity.
std::uint32_t levels_for(std::size_t thresholds) {
  std::uint32_t levels = 1;
  for (std::size_t ways = kRankWays; ways <= thresholds; ways *= kRankWays) ++levels;
  return levels;
}

std::size_t table_size(std::uint32_t levels) {
  std::size_t size = 0;
  for (std::size_t ways = kRankWays; levels > 0; --levels, ways *= kRankWays) size += ways;
  return size;
}

std::uint8_t byte_of(std::size_t rank, std::size_t first) {
  return static_cast<std::uint8_t>(std::min(rank - std::min(rank, first), kPerColumn));
}

template <class In>
std::size_t rank_in(const std::vector<In>& thresholds, In x) {
  return static_cast<std::size_t>(std::ranges::lower_bound(thresholds, x) - thresholds.begin());
}

}  // namespace

template <class In>
In rounded_down(double threshold) {
  const auto rounded = static_cast<In>(threshold);
  if (static_cast<double>(rounded) <= threshold) return rounded;
  return std::nextafter(rounded, -std::numeric_limits<In>::infinity());
}

template <class In>
typename ByteColumns<In>::Treatment ByteColumns<In>::treatment_of(const ForestView& view,
                                                                  std::uint32_t node) {
  const std::uint8_t flags = view.flags[node];
  const auto missing =
      static_cast<ForestMissing>(flags >> kForestMissingShift & kForestMissingMask);
  const bool is_told = missing != ForestMissing::kNothing && (flags & kForestMissingLeft) != 0;
  return {.missing = missing, .goes_left = is_told};
}

template <class In>
std::unique_ptr<const ByteColumns<In>> ByteColumns<In>::plan(const ForestView& view,
                                                             std::vector<ByteTest>& tests) {
  auto made = std::make_unique<ByteColumns>();
  tests.assign(view.flags.size(), {});
  if (!made->plan_ranks(view, tests) || !made->plan_categories(view, tests)) return nullptr;
  made->lay_out_tables();
  return made;
}

template <class In>
bool ByteColumns<In>::plan_ranks(const ForestView& view, std::vector<ByteTest>& tests) {
  std::map<std::uint32_t, std::vector<In>> by_feature;
  for (std::uint32_t node = 0; node < view.flags.size(); ++node) {
    if ((view.flags[node] & (kForestLeaf | kForestCategories)) != 0) continue;
    by_feature[view.feature[node]].push_back(rounded_down<In>(view.threshold[node]));
  }
  std::map<std::uint32_t, std::uint16_t> place;
  for (auto& [feature, thresholds] : by_feature) {
    std::ranges::sort(thresholds);
    const auto repeated = std::ranges::unique(thresholds);
    thresholds.erase(repeated.begin(), repeated.end());
    if (levels_for(thresholds.size()) > kRankLevelsMax) return false;
    place[feature] = static_cast<std::uint16_t>(features_.size());
    features_.push_back(feature);
    thresholds_.push_back(std::move(thresholds));
  }
  std::map<std::tuple<std::uint32_t, std::size_t, Treatment>, std::uint32_t> columns;
  for (std::uint32_t node = 0; node < view.flags.size(); ++node) {
    if ((view.flags[node] & (kForestLeaf | kForestCategories)) != 0) continue;
    const std::uint32_t feature = view.feature[node];
    const std::uint16_t ranked = place[feature];
    const std::vector<In>& thresholds = thresholds_[ranked];
    const std::size_t index = rank_in(thresholds, rounded_down<In>(view.threshold[node]));
    const std::size_t part = index / kPerColumn;
    const Treatment treatment = treatment_of(view, node);
    const auto [found, is_new] =
        columns.try_emplace({feature, part, treatment}, static_cast<std::uint32_t>(source_.size()));
    if (is_new) {
      const std::size_t first = part * kPerColumn;
      source_.push_back(ranked);
      first_.push_back(static_cast<std::uint16_t>(first));
      rank_columns_.push_back({.feature = feature,
                               .treatment = treatment,
                               .of_zero = byte_of(rank_in(thresholds, In{0}), first)});
      if (treatment.missing == ForestMissing::kNanAndZero) plan_.is_zero_special = true;
      if (source_.size() > kColumnsMax) return false;
    }
    tests[node] = {.column = found->second,
                   .index = static_cast<std::uint8_t>(index - part * kPerColumn)};
  }
  return true;
}

template <class In>
bool ByteColumns<In>::plan_categories(const ForestView& view, std::vector<ByteTest>& tests) {
  std::map<std::tuple<std::uint32_t, Treatment, std::vector<std::uint32_t>>, std::uint32_t> columns;
  for (std::uint32_t node = 0; node < view.flags.size(); ++node) {
    if ((view.flags[node] & (kForestLeaf | kForestCategories)) != kForestCategories) continue;
    const auto at = static_cast<std::size_t>(view.threshold[node]);
    const auto words = view.category_words.subspan(at + 1, view.category_words[at]);
    CategoryColumn column{.feature = view.feature[node],
                          .treatment = treatment_of(view, node),
                          .words = {words.begin(), words.end()}};
    const auto [found, is_new] = columns.try_emplace(
        {column.feature, column.treatment, column.words}, static_cast<std::uint32_t>(count()));
    if (is_new) category_columns_.push_back(std::move(column));
    if (count() > kColumnsMax) return false;
    tests[node] = {.column = found->second, .index = 0};
  }
  return true;
}

template <class In>
void ByteColumns<In>::lay_out_tables() {
  constexpr In kInfinity = std::numeric_limits<In>::infinity();
  std::size_t size = 0;
  for (const auto& thresholds : thresholds_) size += table_size(levels_for(thresholds.size()));
  tables_.assign(size, kInfinity);
  In* table = tables_.data();
  for (std::size_t i = 0; i < thresholds_.size(); ++i) {
    const std::uint32_t levels = levels_for(thresholds_[i].size());
    searches_.push_back({.tables = table, .levels = levels, .feature = features_[i]});
    std::size_t last_size = kRankWays;
    for (std::uint32_t level = 1; level < levels; ++level) last_size *= kRankWays;
    In* const last = table + table_size(levels) - last_size;
    std::ranges::copy(thresholds_[i], last);
    // Each element of a level above is the last one of sixteen below.
    for (std::size_t ways = kRankWays; ways < last_size; ways *= kRankWays) {
      for (std::size_t j = 0; j < ways; ++j) table[j] = last[(j + 1) * (last_size / ways) - 1];
      table += ways;
    }
    table = last + last_size;
  }
  const std::size_t columns = source_.size();
  source_.resize((columns + 31) / 32 * 32);
  first_.resize(source_.size());
  plan_.searches = searches_.data();
  plan_.features = searches_.size();
  plan_.columns = columns;
  plan_.source = source_.data();
  plan_.first = first_.data();
}

template <class In>
bool ByteColumns<In>::rank(const RankPlan<In>& plan, const In* x, std::uint16_t* ranks,
                           std::uint8_t* columns) {
  bool is_special = false;
  for (std::size_t i = 0; i < plan.features; ++i) {
    const RankSearch<In>& search = plan.searches[i];
    const In value = x[search.feature];
    is_special |= std::isnan(value) ||
                  (plan.is_zero_special && std::abs(static_cast<double>(value)) <= kForestZeroMax);
    const In* const all = search.tables + table_size(search.levels - 1);
    // A search without branches: `half` shrinks to nothing.
    const In* from = all;
    for (std::size_t half = std::size_t{1} << (4 * search.levels - 1); half > 0; half /= 2) {
      from += from[half - 1] < value ? half : 0;
    }
    ranks[i] = static_cast<std::uint16_t>(from - all);
  }
  for (std::size_t c = 0; c < plan.columns; ++c) {
    columns[c] = byte_of(ranks[plan.source[c]], plan.first[c]);
  }
  return is_special;
}

template <class In>
void ByteColumns<In>::complete(const In* x, bool is_special, std::uint8_t* columns) const {
  const auto is_missing = [](const Treatment& treatment, double value) {
    if (std::isnan(value)) return treatment.missing != ForestMissing::kNothing;
    return treatment.missing == ForestMissing::kNanAndZero && std::abs(value) <= kForestZeroMax;
  };
  for (std::size_t c = 0; is_special && c < rank_columns_.size(); ++c) {
    const RankColumn& column = rank_columns_[c];
    const auto value = static_cast<double>(x[column.feature]);
    if (is_missing(column.treatment, value)) {
      columns[c] = column.treatment.goes_left ? 0 : kPerColumn;
    } else if (std::isnan(value)) {
      columns[c] = column.of_zero;
    }
  }
  columns += rank_columns_.size();
  for (const CategoryColumn& column : category_columns_) {
    auto value = static_cast<double>(x[column.feature]);
    bool goes_left = column.treatment.goes_left;
    if (!is_missing(column.treatment, value)) {
      const double whole = std::isnan(value) ? 0 : std::trunc(value);
      goes_left = false;
      if (whole >= 0 && whole < 32.0 * static_cast<double>(column.words.size())) {
        const auto category = static_cast<std::size_t>(whole);
        goes_left = (column.words[category / 32] >> category % 32 & 1) != 0;
      }
    }
    *columns++ = goes_left ? 0 : 1;
  }
}

template <class In>
std::size_t ByteColumns<In>::bytes() const {
  return tables_.size() * sizeof(In) + searches_.size() * sizeof(RankSearch<In>) +
         2 * source_.size() * sizeof(std::uint16_t) + rank_columns_.size() * sizeof(RankColumn);
}

template class ByteColumns<float>;
template class ByteColumns<double>;
template float rounded_down(double);
template double rounded_down(double);

}  // namespace penstock::kernels
