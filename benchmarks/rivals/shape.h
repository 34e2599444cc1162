// SPDX-License-Identifier: Apache-2.0
// Shapes as command lines give them: "8,32,256".
#pragma once

#include <cstdint>
#include <functional>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

namespace rivals {

inline std::vector<int64_t> parse_shape(const std::string& text) {
  std::vector<int64_t> shape;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) shape.push_back(std::stoll(part));
  return shape;
}

inline size_t count_of(const std::vector<int64_t>& shape) {
  return static_cast<size_t>(
      std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()));
}

}  // namespace rivals
