// SPDX-License-Identifier: Apache-2.0
#include "http/output.h"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace penstock::http {

void Output::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (chunk_used_ == chunk_.size()) {
      chunk_ = base::Buffer::allocate(kChunkBytes);
      chunk_used_ = 0;
    }
    std::byte* const to = chunk_.data() + chunk_used_;
    const std::size_t count = std::min(bytes.size(), chunk_.size() - chunk_used_);
    std::memcpy(to, bytes.data(), count);
    const bool extends_last = first_ < pieces_.size() && chunk_used_ != 0 &&
                              pieces_.back().bytes.data() + pieces_.back().bytes.size() == to;
    if (extends_last) {
      std::span<const std::byte>& last = pieces_.back().bytes;
      last = {last.data(), last.size() + count};
    } else {
      pieces_.push_back({chunk_, {to, count}});
    }
    chunk_used_ += count;
    size_ += count;
    bytes = bytes.subspan(count);
  }
}

void Output::append(base::Slice slice) {
  if (slice.bytes.empty()) return;
  size_ += slice.bytes.size();
  pieces_.push_back(std::move(slice));
}

std::size_t Output::gather(std::span<iovec> vectors) const {
  std::size_t used = 0;
  for (std::size_t i = first_; i < pieces_.size() && used < vectors.size(); ++i) {
    const std::span<const std::byte> bytes = pieces_[i].bytes;
    // writev reads only; its type predates const.
    vectors[used++] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
  }
  return used;
}

void Output::advance(std::size_t bytes) {
  PENSTOCK_CHECK(bytes <= size_);
  size_ -= bytes;
  while (bytes > 0) {
    base::Slice& piece = pieces_[first_];
    if (bytes < piece.bytes.size()) {
      piece.bytes = piece.bytes.subspan(bytes);
      return;
    }
    bytes -= piece.bytes.size();
    piece.owner.reset();
    ++first_;
  }
  if (size_ == 0) {
    clear();
  } else if (first_ > 1024) {
    forget_written();
  }
}

void Output::forget_written() {
  pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
}

void Output::clear() {
  pieces_.clear();
  first_ = 0;
  size_ = 0;
  chunk_used_ = 0;
}

}  // namespace penstock::http
