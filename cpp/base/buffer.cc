// SPDX-License-Identifier: Apache-2.0
#include "base/buffer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/monitor.h"

namespace penstock::base {

// Free blocks by size class: four classes per doubling, so a block is at most a quarter larger than
// what was asked for. One lock for all: a block of 64 KiB costs far more to fill than to pop.
class BufferPool {
 public:
  using Block = Buffer::Block;

  static std::size_t class_of(std::size_t bytes) {
    const auto quarter = std::bit_width(bytes - 1) - 3;  // log2 of a quarter of the doubling
    const std::size_t steps = (bytes - 1) >> quarter;    // 4..7
    return static_cast<std::size_t>(quarter) * 4 + (steps - 4) + 1;
  }

  static std::size_t class_bytes(std::size_t size_class) {
    const std::size_t quarter = (size_class - 1) / 4;
    return ((size_class - 1) % 4 + 5) << quarter;
  }

  Block* take(std::size_t size_class) {
    auto free = free_.lock();
    Block* block = free->head[size_class];
    if (block != nullptr) {
      free->head[size_class] = block->next;
      free->bytes -= class_bytes(size_class);
    }
    return block;
  }

  bool keep(Block* block) {
    const std::size_t bytes = class_bytes(block->size_class);
    auto free = free_.lock();
    if (free->bytes + bytes > Buffer::kPoolBytesMax) return false;
    block->next = free->head[block->size_class];
    free->head[block->size_class] = block;
    free->bytes += bytes;
    return true;
  }

  std::size_t trim() {
    auto free = free_.lock();
    for (Block*& head : free->head) {
      while (head != nullptr) {
        Block* next = head->next;
        std::free(head->memory);
        head = next;
      }
    }
    return std::exchange(free->bytes, 0);
  }

 private:
  struct Free {
    std::array<Block*, 260> head{};
    std::size_t bytes = 0;
  };
  Monitor<Free> free_;
};

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCachesBlocks = false;  // so that a use after the last reference is seen
#else
constexpr bool kCachesBlocks = true;
#endif

// Never destroyed: a Buffer may outlive every static object.
BufferPool& pool() {
  static BufferPool* const kept = new BufferPool;
  return *kept;
}

}  // namespace

// Free blocks of one thread, by powers of two: at most 5 MiB of them. A pass of an io thread makes
// and drops dozens of blocks in a row, more than malloc's own per-thread lists hold of a size.
class BlockCache {
 public:
  using Block = Buffer::Block;

  static constexpr std::size_t kBinBytesMin = 128;  // the block's own head included
  static constexpr std::size_t kBins = 10;          // up to 64 KiB
  static_assert((kBinBytesMin << (kBins - 1)) == Buffer::kPooledBytesMin);
  // As many as fill kBytesPerBin, but never fewer than kBlocksPerBinMin.
  static constexpr std::size_t kBytesPerBin = std::size_t{128} << 10;
  static constexpr std::size_t kBlocksPerBinMin = 32;

  // kBins where `bytes` are too many.
  static std::size_t bin_of(std::size_t bytes) {
    const auto bits = static_cast<std::size_t>(std::bit_width((bytes - 1) / kBinBytesMin));
    return std::min(bits, kBins);
  }
  static std::size_t bin_bytes(std::size_t bin) { return kBinBytesMin << bin; }

  ~BlockCache() {
    for (Block* head : head_) {
      while (head != nullptr) std::free(std::exchange(head, head->next)->memory);
    }
    is_gone = true;
  }

  Block* take(std::size_t bin) {
    Block* const block = head_[bin];
    if (block == nullptr) return nullptr;
    head_[bin] = block->next;
    --blocks_[bin];
    return block;
  }

  bool keep(Block* block, std::size_t bin) {
    if (blocks_[bin] >= std::max(kBlocksPerBinMin, kBytesPerBin / bin_bytes(bin))) return false;
    ++blocks_[bin];
    block->next = head_[bin];
    head_[bin] = block;
    return true;
  }

  // The calling thread's, or null when the thread is past it: a Buffer may outlive it.
  static BlockCache* here() {
    thread_local BlockCache cache;
    return is_gone ? nullptr : &cache;
  }

 private:
  static thread_local bool is_gone;

  std::array<Block*, kBins> head_{};
  std::array<std::uint32_t, kBins> blocks_{};
};

thread_local bool BlockCache::is_gone = false;

Buffer::Block* Buffer::make_block(std::size_t bytes) {
  // malloc and an alignment of our own: aligned_alloc goes past glibc's per-thread cache and costs
  // ten times as much for the small blocks that nearly every answer is.
  constexpr std::size_t kSlack = kTensorAlignment - alignof(std::max_align_t);
  if (bytes > std::numeric_limits<std::size_t>::max() - kSlack) return nullptr;
  void* const memory = std::malloc(bytes + kSlack);
  if (memory == nullptr) return nullptr;
  void* aligned = memory;
  std::size_t room = bytes + kSlack;
  std::align(kTensorAlignment, bytes, aligned, room);
  Block* const block = new (aligned) Block;
  block->memory = memory;
  return block;
}

Buffer Buffer::try_allocate(std::size_t size) {
  if (size == 0) return {};
  if (size > std::numeric_limits<std::size_t>::max() / 2) return {};
  std::size_t bytes = size + sizeof(Block);
  std::size_t size_class = 0;
  Block* block = nullptr;
  const std::size_t bin = BlockCache::bin_of(bytes);
  if (bin < BlockCache::kBins) {
    if constexpr (kCachesBlocks) {
      bytes = BlockCache::bin_bytes(bin);
      BlockCache* const cache = BlockCache::here();
      if (cache != nullptr) block = cache->take(bin);
    }
  } else {
    size_class = BufferPool::class_of(bytes);
    bytes = BufferPool::class_bytes(size_class);
    block = pool().take(size_class);
  }
  if (block == nullptr) {
    block = make_block(bytes);
    // What is kept for reuse is of use to somebody now.
    if (block == nullptr && pool().trim() > 0) block = make_block(bytes);
    if (block == nullptr) return {};
  }
  block->references.store(1, std::memory_order_relaxed);
  block->size_class = static_cast<std::uint32_t>(size_class);
  block->size = size;
  return Buffer(block);
}

Buffer Buffer::allocate(std::size_t size) {
  Buffer buffer = try_allocate(size);
  PENSTOCK_CHECK(size == 0 || buffer);
  return buffer;
}

std::size_t Buffer::trim_pool() { return pool().trim(); }

void Buffer::free_block(Block* block) {
  if (block->size_class != 0) {
    if (pool().keep(block)) return;
  } else if constexpr (kCachesBlocks) {
    BlockCache* const cache = BlockCache::here();
    const std::size_t bin = BlockCache::bin_of(block->size + sizeof(Block));
    if (cache != nullptr && cache->keep(block, bin)) return;
  }
  std::free(block->memory);
}

}  // namespace penstock::base
