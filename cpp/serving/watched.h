// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/tensor.h"
#include "drift/aggregator.h"
#include "drift/tap.h"

namespace penstock::serving {

// What a Call has more while the rows of its version are watched: its inputs, until their answer is
// there. A part of the Call, on its io thread; keeps its memory for the next one.
struct WatchedCall {
  const drift::Tap* tap = nullptr;  // null: nobody looks at it. Lives as long as the version.
  bool is_sampled = true;           // false: its request is one of those that are not looked at
  bool has_key = false;
  std::uint64_t key = 0;
  std::uint32_t rows = 1;
  // The tensors that the tap wants; no data: the request left it out, or did not ask for it.
  std::vector<std::span<const std::byte>> tensors;
  std::vector<base::Buffer> owners;

  void keep_view(const base::Tensor& tensor) {
    static constexpr std::byte kNothing{};
    if (!tensor.is_present) return tensors.push_back({});
    const std::span<const std::byte> bytes = tensor.bytes.bytes;
    tensors.push_back(bytes.data() == nullptr ? std::span(&kNothing, 0) : bytes);
  }
  void keep(const base::Tensor& input) {
    keep_view(input);
    if (!input.is_present) return;
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

// What is to be counted, or told as left, once a request is answered.
struct WatchedOutcome {
  const drift::Tap* tap = nullptr;  // null: nothing
  drift::Offered offered;
};

}  // namespace penstock::serving
