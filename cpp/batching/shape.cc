// SPDX-License-Identifier: Apache-2.0
#include "batching/shape.h"

#include <algorithm>

namespace penstock::batching {

namespace {

std::span<const std::int64_t> row_dims(const base::Tensor& tensor) {
  const auto dims = tensor.shape.dims();
  return dims.subspan(std::min<std::size_t>(1, dims.size()));
}

// Both halves of a 128-bit product: every bit of the state reaches every bit of the next.
std::uint64_t mix(std::uint64_t state, std::uint64_t word) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{state ^ word} * 0x9E3779B97F4A7C15ULL;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64) ^
         std::uint64_t{0xD1B54A32D192ED03ULL};
}

}  // namespace

std::uint64_t shape_key(std::span<const base::Tensor> inputs) {
  std::uint64_t key = inputs.size();
  for (const base::Tensor& input : inputs) {
    if (!input.is_present) {
      key = mix(key, ~std::uint64_t{0});
      continue;
    }
    const auto dims = row_dims(input);
    key = mix(key, dims.size());
    for (const std::int64_t dim : dims) key = mix(key, static_cast<std::uint64_t>(dim));
  }
  return key;
}

bool same_shapes(std::span<const base::Tensor> a, std::span<const base::Tensor> b) {
  return std::ranges::equal(a, b, [](const base::Tensor& x, const base::Tensor& y) {
    if (!x.is_present || !y.is_present) return x.is_present == y.is_present;
    return x.shape.rank() == y.shape.rank() && std::ranges::equal(row_dims(x), row_dims(y));
  });
}

}  // namespace penstock::batching
