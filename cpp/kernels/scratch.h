// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <vector>

namespace penstock::kernels {

// Memory for what one run needs and nobody afterwards. It only grows: once the largest run has been
// seen, nothing is allocated any more. Every thread that runs has one of its own.
//
//   const Scratch::Frame frame(scratch);          // what is taken below goes back at its end
//   std::span<std::byte> row = scratch.take(n);   // 64-aligned, uninitialized
class Scratch {
 public:
  static constexpr std::size_t kAlignment = 64;

  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // Valid until reset(), or until the frame ends in which it was taken. Blocks never move.
  std::span<std::byte> take(std::size_t bytes) {
    const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    while (at_ < blocks_.size() && blocks_[at_].bytes - used_ < rounded) {
      ++at_;
      used_ = 0;
    }
    if (at_ == blocks_.size()) add_block(rounded);
    std::byte* const begin = blocks_[at_].memory.get() + used_;
    used_ += rounded;
    return {begin, bytes};
  }

  // As take(), for elements of a type that needs no constructor.
  template <class T>
  std::span<T> take_of(std::size_t count) {
    return {reinterpret_cast<T*>(take(count * sizeof(T)).data()), count};
  }

  // Forgets all that was taken. What lay in several blocks will lie in one.
  void reset() {
    at_ = 0;
    used_ = 0;
    if (blocks_.size() <= 1) return;
    const std::size_t all = bytes();
    blocks_.clear();
    add_block(all);
  }

  // How much it holds.
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const Block& block : blocks_) sum += block.bytes;
    return sum;
  }

  // What is taken while it lives goes back at its end.
  class Frame {
   public:
    explicit Frame(Scratch& scratch) : scratch_(scratch), at_(scratch.at_), used_(scratch.used_) {}
    ~Frame() {
      scratch_.at_ = at_;
      scratch_.used_ = used_;
    }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

   private:
    Scratch& scratch_;
    std::size_t at_;
    std::size_t used_;
  };

 private:
  static constexpr std::size_t kFirstBlockBytes = 16 * 1024;

  struct Free {
    void operator()(std::byte* memory) const {
      ::operator delete[](memory, std::align_val_t(kAlignment));
    }
  };
  struct Block {
    std::unique_ptr<std::byte[], Free> memory;
    std::size_t bytes;
  };

  void add_block(std::size_t wanted) {
    const std::size_t size = std::max({wanted, kFirstBlockBytes, bytes()});
    auto* const memory =
        static_cast<std::byte*>(::operator new[](size, std::align_val_t(kAlignment)));
    blocks_.push_back({std::unique_ptr<std::byte[], Free>(memory), size});
    at_ = blocks_.size() - 1;
    used_ = 0;
  }

  std::vector<Block> blocks_;
  std::size_t at_ = 0;    // the block that is taken from
  std::size_t used_ = 0;  // of it
};

}  // namespace penstock::kernels
