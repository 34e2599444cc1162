// SPDX-License-Identifier: Apache-2.0
#include "kernels/forest_reference.h"

#include <cmath>
#include <vector>

namespace penstock::kernels {
namespace {

bool is_in_set(const ForestView& view, std::uint32_t node, double x) {
  const auto at = static_cast<std::size_t>(view.threshold[node]);
  const double whole = std::trunc(x);
  if (!(whole >= 0) || whole >= 32.0 * view.category_words[at]) return false;
  const auto category = static_cast<std::size_t>(whole);
  return (view.category_words[at + 1 + category / 32] >> category % 32 & 1) != 0;
}

template <class Sum, class In, class Out>
void add_up(const ForestView& view, const In* x, Out* y) {
  const bool begins_at_base = view.sum != ForestSum::kInDouble && view.factor == 1;
  std::vector<Sum> sums(view.targets);
  if (begins_at_base) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = static_cast<Sum>(view.base[i]);
  }
  for (std::uint32_t node : view.roots) {
    while ((view.flags[node] & kForestLeaf) == 0) {
      const auto value = static_cast<double>(x[view.feature[node]]);
      node = goes_left(view, node, value) ? view.left[node] : view.right[node];
    }
    if (view.leaves_are_rows) {
      for (std::size_t i = 0; i < sums.size(); ++i) {
        sums[i] += static_cast<Sum>(view.leaf_values[view.left[node] + i]);
      }
    } else {
      sums[view.right[node]] += static_cast<Sum>(view.leaf_values[view.left[node]]);
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const auto sum = static_cast<double>(sums[i]);
    y[i] = static_cast<Out>(begins_at_base ? sum : view.base[i] + view.factor * sum);
  }
}

}  // namespace

bool goes_left(const ForestView& view, std::uint32_t node, double x) {
  const std::uint8_t flags = view.flags[node];
  const auto missing =
      static_cast<ForestMissing>(flags >> kForestMissingShift & kForestMissingMask);
  if (std::isnan(x) && missing == ForestMissing::kNothing) x = 0;
  if (std::isnan(x) || (missing == ForestMissing::kNanAndZero && std::abs(x) <= kForestZeroMax)) {
    return (flags & kForestMissingLeft) != 0;
  }
  return (flags & kForestCategories) != 0 ? is_in_set(view, node, x) : x <= view.threshold[node];
}

template <class In, class Out>
void forest_reference(const ForestView& view, const In* x, std::size_t x_stride, std::size_t rows,
                      Out* y, std::size_t y_stride) {
  for (; rows > 0; --rows, x += x_stride, y += y_stride) {
    if (view.sum == ForestSum::kInDouble) {
      add_up<double>(view, x, y);
    } else {
      add_up<float>(view, x, y);
    }
  }
}

template void forest_reference(const ForestView&, const float*, std::size_t, std::size_t, float*,
                               std::size_t);
template void forest_reference(const ForestView&, const float*, std::size_t, std::size_t, double*,
                               std::size_t);
template void forest_reference(const ForestView&, const double*, std::size_t, std::size_t, float*,
                               std::size_t);
template void forest_reference(const ForestView&, const double*, std::size_t, std::size_t, double*,
                               std::size_t);

}  // namespace penstock::kernels
