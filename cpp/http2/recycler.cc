// SPDX-License-Identifier: Apache-2.0
#include "http2/recycler.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace penstock::http2 {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kKeepsBlocks = false;  // so that a use after release is seen
#else
constexpr bool kKeepsBlocks = true;
#endif

}  // namespace

Recycler::~Recycler() {
  for (Head* head : kept_) {
    while (head != nullptr) std::free(std::exchange(head, head->next));
  }
}

// kBins for what is too large to be kept.
std::size_t Recycler::bin_of(std::size_t bytes) {
  if (!kKeepsBlocks || bytes == 0) return kBins;
  const auto bits = static_cast<std::size_t>(std::bit_width((bytes - 1) / kBinBytesMin));
  return std::min(bits, kBins);
}

void* Recycler::allocate(std::size_t bytes) {
  const std::size_t bin = bin_of(bytes);
  Head* head = bin < kBins ? kept_[bin] : nullptr;
  if (head != nullptr) {
    kept_[bin] = head->next;
    --kept_blocks_[bin];
    return head + 1;
  }
  if (bin < kBins) bytes = kBinBytesMin << bin;
  if (bytes > std::numeric_limits<std::size_t>::max() - sizeof(Head)) return nullptr;
  void* const memory = std::malloc(sizeof(Head) + bytes);
  if (memory == nullptr) return nullptr;
  head = new (memory) Head{.bytes = bytes};
  return head + 1;
}

void Recycler::release(void* block) {
  if (block == nullptr) return;
  Head* const head = head_of(block);
  const std::size_t bin = bin_of(head->bytes);
  if (bin == kBins || kept_blocks_[bin] == kBlocksPerBinMax) return std::free(head);
  head->next = kept_[bin];
  kept_[bin] = head;
  ++kept_blocks_[bin];
}

void* Recycler::resize(void* block, std::size_t bytes) {
  if (block != nullptr && bytes <= head_of(block)->bytes) return block;
  void* const larger = allocate(bytes);
  if (larger == nullptr || block == nullptr) return larger;
  std::memcpy(larger, block, head_of(block)->bytes);
  release(block);
  return larger;
}

}  // namespace penstock::http2
