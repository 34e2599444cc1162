// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace penstock::base {

// What executors are promised of every tensor they are given.
inline constexpr std::size_t kTensorAlignment = 64;

// A block of bytes with a count of references. The block's address is a multiple of
// kTensorAlignment; its bytes start out undefined. Blocks of more than kPooledBytesMin are kept for
// reuse after their last reference has gone (up to kPoolBytesMax in all), because a fresh mapping
// costs a page fault per 4 KiB, more than copying the bytes; of smaller ones, each thread keeps
// some. References may be copied and dropped
// on any thread; whoever writes the bytes must be the only one who reads them at that time.
class Buffer {
 public:
  static constexpr std::size_t kPooledBytesMin = std::size_t{64} << 10;
  static constexpr std::size_t kPoolBytesMax = std::size_t{256} << 20;

  Buffer() = default;
  // `size` bytes; an empty Buffer when size is 0. Aborts when memory is out, as operator new does:
  // for sizes that no peer and no model decides.
  static Buffer allocate(std::size_t size);
  // The same, or an empty Buffer when `size` > 0 bytes cannot be had, not even for all that is kept
  // for reuse.
  static Buffer try_allocate(std::size_t size);
  // Gives the blocks kept for reuse back to the system. Returns how many bytes that were.
  static std::size_t trim_pool();

  Buffer(const Buffer& other) : block_(other.block_) { retain(); }
  Buffer(Buffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Buffer() { reset(); }

  void reset() {
    if (block_ != nullptr && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      free_block(block_);
    }
    block_ = nullptr;
  }

  std::byte* data() const { return block_ == nullptr ? nullptr : block_->bytes(); }
  std::size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  std::span<std::byte> bytes() const { return {data(), size()}; }
  explicit operator bool() const { return block_ != nullptr; }

 private:
  // Stands directly before the bytes it describes.
  struct alignas(kTensorAlignment) Block {
    std::atomic<std::uint32_t> references{1};
    std::uint32_t size_class = 0;
    std::size_t size = 0;
    Block* next = nullptr;   // in the pool
    void* memory = nullptr;  // what malloc gave; the block starts at its first aligned address

    std::byte* bytes() { return reinterpret_cast<std::byte*>(this) + sizeof(Block); }
  };
  static_assert(sizeof(Block) == kTensorAlignment);
  friend class BufferPool;
  friend class BlockCache;

  explicit Buffer(Block* block) : block_(block) {}
  void retain() const {
    if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  static Block* make_block(std::size_t bytes);
  static void free_block(Block* block);

  Block* block_ = nullptr;
};

// Bytes together with the Buffer that keeps them alive. An empty owner means that somebody else
// does (static bytes, or a view whose lifetime its maker states).
struct Slice {
  Buffer owner;
  std::span<const std::byte> bytes;
};

}  // namespace penstock::base
