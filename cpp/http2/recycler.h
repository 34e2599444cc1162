// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

namespace penstock::http2 {

// The small blocks that nghttp2 asks for again and again: a dozen per request, all gone with it.
// Keeps those given back, by powers of two, for the next request of whatever connection of the
// thread; larger ones are malloc's. One thread alone uses it, and every block goes back to the one
// it came from.
class Recycler {
 public:
  Recycler() = default;
  Recycler(const Recycler&) = delete;
  Recycler& operator=(const Recycler&) = delete;
  ~Recycler();

  void* allocate(std::size_t bytes);  // null when there is no memory
  void release(void* block);          // null: nothing
  void* resize(void* block, std::size_t bytes);

 private:
  static constexpr std::size_t kBinBytesMin = 32;  // without the head
  static constexpr std::size_t kBins = 7;          // up to 2 KiB
  static constexpr std::size_t kBlocksPerBinMax = 1024;

  // Before each block's bytes; as large as malloc's alignment.
  struct alignas(std::max_align_t) Head {
    std::size_t bytes = 0;  // that the block holds
    Head* next = nullptr;   // while it is kept
  };

  static std::size_t bin_of(std::size_t bytes);
  static Head* head_of(void* block) { return static_cast<Head*>(block) - 1; }

  std::array<Head*, kBins> kept_{};
  std::array<std::size_t, kBins> kept_blocks_{};
};

}  // namespace penstock::http2
