// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/isa/forest_table.h"

// How a row is ranked, over the words of an instruction set:
//   below(table, x)               how many of sixteen thresholds are below x
//   spread(plan, ranks, columns)  columns from ranks
// Included after a begin_*.h.
namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE {
namespace {

constexpr double kZeroMax = 1e-35F;  // as kForestZeroMax

template <class Words, class In>
inline std::uint16_t rank_of(const RankSearch<In>& search, In x) {
  const In* table = search.tables;
  unsigned rank = Words::below(table, x);
  if (search.levels == 2) {  // as most have: features of up to 255 thresholds
    return static_cast<std::uint16_t>(rank * kRankWays +
                                      Words::below(table + (rank + 1) * kRankWays, x));
  }
  unsigned size = kRankWays;
  for (std::uint32_t level = 1; level < search.levels; ++level) {
    table += size;
    rank = rank * kRankWays + Words::below(table + rank * kRankWays, x);
    size *= kRankWays;
  }
  return static_cast<std::uint16_t>(rank);
}

inline void spread_one_by_one(const std::uint16_t* source, const std::uint16_t* first,
                              std::size_t count, const std::uint16_t* ranks,
                              std::uint8_t* columns) {
  for (std::size_t c = 0; c < count; ++c) {
    const int rank = ranks[source[c]] - first[c];
    columns[c] = static_cast<std::uint8_t>(rank < 0 ? 0 : rank > 255 ? 255 : rank);
  }
}

template <class Words, class In>
bool rank(const RankPlan<In>& plan, const In* x, std::uint16_t* ranks, std::uint8_t* columns) {
  bool is_special = false;
  for (std::size_t i = 0; i < plan.features; ++i) {
    const RankSearch<In>& search = plan.searches[i];
    const In value = x[search.feature];
    is_special |= value != value;
    ranks[i] = rank_of<Words>(search, value);
  }
  if (plan.is_zero_special) {
    for (std::size_t i = 0; i < plan.features; ++i) {
      const auto value = static_cast<double>(x[plan.searches[i].feature]);
      is_special |= value <= kZeroMax && value >= -kZeroMax;
    }
  }
  Words::spread(plan, ranks, columns);
  return is_special;
}

}  // namespace
}  // namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE
