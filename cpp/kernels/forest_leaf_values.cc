// SPDX-License-Identifier: Apache-2.0
#include "kernels/forest_layouts.h"

namespace penstock::kernels {

void LeafValues::resize(std::size_t count) {
  if (leaves_ == ForestLeaves::kDoubles) {
    doubles_.resize(count, kNoLeaf);
  } else if (leaves_ != ForestLeaves::kExits) {
    floats_.resize(count, static_cast<float>(kNoLeaf));
  }
}

void LeafValues::set(std::size_t at, double value) {
  if (leaves_ == ForestLeaves::kDoubles) {
    doubles_[at] = value;
  } else if (leaves_ != ForestLeaves::kExits) {
    floats_[at] = static_cast<float>(value);
  }
}

const void* LeafValues::data() const {
  if (leaves_ == ForestLeaves::kDoubles) return doubles_.data();
  return floats_.data();
}

std::size_t LeafValues::bytes() const {
  return doubles_.size() * sizeof(double) + floats_.size() * sizeof(float);
}

}  // namespace penstock::kernels
