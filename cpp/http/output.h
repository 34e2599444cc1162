// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "base/buffer.h"

struct iovec;

namespace penstock::http {

// Bytes on their way to a socket, in order: small ones copied together into chunks, large ones
// referred to. Keeps one chunk when it is empty, so a busy owner allocates nothing. Lives on an io
// thread.
class Output {
 public:
  static constexpr std::size_t kChunkBytes = std::size_t{32} << 10;

  Output() = default;
  Output(Output&& other) noexcept { *this = std::move(other); }
  Output& operator=(Output&& other) noexcept {
    pieces_ = std::exchange(other.pieces_, {});
    first_ = std::exchange(other.first_, 0);
    chunk_ = std::exchange(other.chunk_, {});
    chunk_used_ = std::exchange(other.chunk_used_, 0);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  // Copies `bytes` to the end.
  void append(std::span<const std::byte> bytes);
  // Refers to `slice` at the end, without copying.
  void append(base::Slice slice);

  // Fills `vectors` with the first bytes to write; returns how many entries were used.
  std::size_t gather(std::span<iovec> vectors) const;
  // The first `bytes` were written.
  void advance(std::size_t bytes);
  void clear();

  bool is_empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

 private:
  void forget_written();

  std::vector<base::Slice> pieces_;
  std::size_t first_ = 0;  // pieces before it were written
  base::Buffer chunk_;     // where append(bytes) copies to
  std::size_t chunk_used_ = 0;
  std::size_t size_ = 0;
};

}  // namespace penstock::http
