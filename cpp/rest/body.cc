// SPDX-License-Identifier: Apache-2.0
#include "rest/body.h"

#include <algorithm>
#include <string>
#include <utility>

namespace penstock::rest {
namespace {

constexpr std::size_t kFirstBytes = std::size_t{16} << 10;

}  // namespace

base::Error too_large(std::size_t bytes_max) {
  return {base::Code::kOutOfRange, "the request's body is larger than the " +
                                       std::to_string(bytes_max) +
                                       " bytes that --http-max-input-size allows"};
}

base::Result<> Body::begin(const Shape& shape) {
  clear();
  shape_ = shape;
  if (shape.announced.value_or(0) > shape.bytes_max) {
    return std::unexpected(too_large(shape.bytes_max));
  }
  return {};
}

// How large the block becomes that is to hold `least` bytes.
std::size_t Body::wanted_bytes(std::size_t least) const {
  if (shape_.announced && least <= *shape_.announced) {
    const bool is_eager = *shape_.announced <= kEagerBytesMax || least > kEagerBytesMax;
    return is_eager ? *shape_.announced : kEagerBytesMax;
  }
  return std::min(std::max({least, kFirstBytes, 2 * room_.size()}), shape_.bytes_max);
}

base::Result<> Body::allocate(std::size_t bytes) {
  const bool is_end_aligned = shape_.layout == Layout::kEndAligned;
  const std::size_t block_bytes =
      is_end_aligned
          ? (bytes + base::kTensorAlignment - 1) / base::kTensorAlignment * base::kTensorAlignment
          : bytes + kPaddingBytes;
  base::Buffer block = base::Buffer::try_allocate(block_bytes);
  if (!block) return base::fail(base::Code::kResourceExhausted, "no memory for the request's body");
  const std::span<std::byte> room =
      is_end_aligned ? block.bytes().last(bytes) : block.bytes().first(bytes);
  std::ranges::copy(room_.first(size_), room.begin());
  block_ = std::move(block);
  room_ = room;
  return {};
}

base::Result<> Body::read(std::span<const std::byte> data) {
  if (data.size() > shape_.bytes_max - size_) return std::unexpected(too_large(shape_.bytes_max));
  while (!data.empty()) {
    if (size_ == room_.size()) {
      if (auto grown = allocate(wanted_bytes(size_ + 1)); !grown) return grown;
    }
    const auto fitting = data.first(std::min(data.size(), room_.size() - size_));
    std::ranges::copy(fitting, room_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += fitting.size();
    data = data.subspan(fitting.size());
  }
  return {};
}

base::Slice Body::take() {
  base::Slice whole{block_, room_.first(size_)};
  clear();
  return whole;
}

}  // namespace penstock::rest
