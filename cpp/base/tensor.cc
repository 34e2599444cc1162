// SPDX-License-Identifier: Apache-2.0
#include "base/tensor.h"

namespace penstock::base {

std::optional<std::int64_t> Shape::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t dim : dims()) {
    if (dim < 0 || __builtin_mul_overflow(product, dim, &product)) return std::nullopt;
  }
  return product;
}

std::string Shape::text() const { return dims_text(dims()); }

std::string dims_text(std::span<const std::int64_t> dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i != 0) text += ',';
    text += std::to_string(dims[i]);
  }
  text += ']';
  return text;
}

}  // namespace penstock::base
