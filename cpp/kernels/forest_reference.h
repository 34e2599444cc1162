// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/forest.h"

namespace penstock::kernels {

// What Forest::run() must give, one tree after the other: the definition of right. Sums in any
// order are made in order.
template <class In, class Out>
void forest_reference(const ForestView& view, const In* x, std::size_t x_stride, std::size_t rows,
                      Out* y, std::size_t y_stride);

// Whether a row goes left at a node, by the value that the node looks at.
bool goes_left(const ForestView& view, std::uint32_t node, double x);

}  // namespace penstock::kernels
