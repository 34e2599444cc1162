// SPDX-License-Identifier: Apache-2.0
#include "base/buffer.h"

#include <array>
#include <bit>
#include <cstdlib>
#include <new>

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
        std::free(head);
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

// Never destroyed: a Buffer may outlive every static object.
BufferPool& pool() {
  static BufferPool* const kept = new BufferPool;
  return *kept;
}

}  // namespace

Buffer Buffer::try_allocate(std::size_t size) {
  if (size == 0) return {};
  std::size_t bytes = size + sizeof(Block);
  std::size_t size_class = 0;
  Block* block = nullptr;
  if (size >= kPooledBytesMin) {
    size_class = BufferPool::class_of(bytes);
    bytes = BufferPool::class_bytes(size_class);
    block = pool().take(size_class);
  }
  if (block == nullptr) {
    const std::size_t rounded = (bytes + kTensorAlignment - 1) & ~(kTensorAlignment - 1);
    if (rounded < size) return {};
    void* memory = std::aligned_alloc(kTensorAlignment, rounded);
    if (memory == nullptr) return {};
    block = static_cast<Block*>(memory);
  }
  new (block) Block;
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
  if (block->size_class != 0 && pool().keep(block)) return;
  std::free(block);
}

}  // namespace penstock::base
