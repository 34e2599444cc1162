// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/tensor.h"
#include "drift/tap.h"

namespace penstock::serving {

// What a Call has more while the rows of its version are watched: its inputs, until their answer is
// there. A part of the Call, on its io thread; keeps its memory for the next one.
struct WatchedCall {
  const drift::Tap* tap = nullptr;  // null: nobody looks at it. Lives as long as the version.
  bool has_key = false;
  std::uint64_t key = 0;
  std::uint32_t rows = 1;
  // The tensors that the tap wants; no data: the request left it out.
  std::vector<std::span<const std::byte>> tensors;
  std::vector<base::Buffer> owners;

  void keep(const base::Tensor& input) {
    if (!input.is_present) return tensors.push_back({});
    tensors.push_back(input.bytes.bytes);
    // Tensors of one message are parts of one block.
    const base::Buffer& owner = input.bytes.owner;
    if (owners.empty() || owners.back().data() != owner.data()) owners.push_back(owner);
  }
  void clear() {
    if (tap == nullptr) return;
    tap = nullptr;
    tensors.clear();
    owners.clear();
  }
};

}  // namespace penstock::serving
