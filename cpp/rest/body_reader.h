// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <span>

#include "base/buffer.h"
#include "rest/status.h"

namespace penstock::rest {

// The body of one request, gathered into a block. Owned by its call, on an io thread.
//
// A body whose length is announced costs one allocation and each byte one copy; a length alone
// costs little until bytes come: beyond kEagerBytesMax the whole block is allocated only when that
// many have arrived. Without a length the block grows by doubling.
class BodyReader {
 public:
  static constexpr std::size_t kEagerBytesMax = std::size_t{4} << 20;
  // What a JSON parser may read beyond the end of what it is given.
  static constexpr std::size_t kPaddingBytes = 64;

  enum class Layout {
    kPadded,      // kPaddingBytes of room follow: for JSON
    kEndAligned,  // its end is a multiple of base::kTensorAlignment: raw tensors come last
  };

  struct Shape {
    std::size_t bytes_max = 0;
    std::optional<std::size_t> announced = {};  // by content-length
    Layout layout = Layout::kPadded;
  };

  // Before the first read(). Fails as read() does if more is announced than may come.
  std::expected<void, Refusal> begin(const Shape& shape);
  // 413: more than bytes_max has come; 429: no memory for it.
  std::expected<void, Refusal> read(std::span<const std::byte> data);
  // All that has come. The room behind a padded one is part of the owner's block.
  base::Slice take();

  std::size_t held_bytes() const { return block_.size(); }
  void clear() {
    block_.reset();
    room_ = {};
    size_ = 0;
  }

 private:
  bool allocate(std::size_t bytes);
  std::size_t wanted_bytes(std::size_t least) const;

  Shape shape_;
  base::Buffer block_;
  std::span<std::byte> room_;  // in block_
  std::size_t size_ = 0;       // of room_, that has come
};

}  // namespace penstock::rest
