// SPDX-License-Identifier: Apache-2.0
// Received messages in reused memory, so that a server that echoes 1 MiB tensors does not fault in
// fresh pages for each of them.
//
// Laws: sizes are rounded up to powers of two; a returned buffer is the next one handed out of its
// size (it is the warmest in cache); nothing goes back to the system. Used by one thread.
#pragma once

#include <sys/mman.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <vector>

namespace rivals {

struct Buffer {
  char* bytes = nullptr;
  size_t size = 0;
};

class MessagePool {
 public:
  Buffer take(size_t size_wanted) {
    const size_t size = std::bit_ceil(size_wanted < kSizeMin ? kSizeMin : size_wanted);
    std::vector<char*>& free = free_[index_of(size)];
    if (free.empty()) refill(free, size);
    char* bytes = free.back();
    free.pop_back();
    return {bytes, size};
  }

  void give_back(Buffer buffer) {
    if (buffer.bytes != nullptr) free_[index_of(buffer.size)].push_back(buffer.bytes);
  }

 private:
  static constexpr size_t kSizeMin = 256;
  static constexpr size_t kSlabBytes = size_t{4} << 20;

  static size_t index_of(size_t size) { return static_cast<size_t>(std::countr_zero(size)); }

  // A slab of huge pages where the kernel has them: one TLB entry then covers two messages of 1
  // MiB.
  static void refill(std::vector<char*>& free, size_t size) {
    const size_t slab_bytes = size > kSlabBytes ? size : kSlabBytes;
    const size_t alignment = size_t{2} << 20;
    void* slab =
        std::aligned_alloc(alignment, (slab_bytes + alignment - 1) / alignment * alignment);
    if (slab == nullptr) std::abort();
    madvise(slab, slab_bytes, MADV_HUGEPAGE);
    for (size_t at = slab_bytes; at >= size; at -= size) {
      free.push_back(static_cast<char*>(slab) + at - size);
    }
  }

  std::array<std::vector<char*>, 64> free_;
};

}  // namespace rivals
