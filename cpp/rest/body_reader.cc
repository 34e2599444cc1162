// SPDX-License-Identifier: Apache-2.0
#include "rest/body_reader.h"

#include <algorithm>
#include <utility>

#include "rest/body.h"

namespace penstock::rest {
namespace {

constexpr std::size_t kFirstBytes = std::size_t{16} << 10;

Refusal no_memory() {
  constexpr base::Code kCode = base::Code::kResourceExhausted;
  return {http_status(kCode), {kCode, "no memory for the request's body"}};
}

}  // namespace

std::expected<void, Refusal> BodyReader::begin(const Shape& shape) {
  clear();
  shape_ = shape;
  if (shape.announced.value_or(0) > shape.bytes_max) {
    return std::unexpected(too_large(shape.bytes_max));
  }
  return {};
}

// How large the block becomes that is to hold `least` bytes.
std::size_t BodyReader::wanted_bytes(std::size_t least) const {
  if (shape_.announced && least <= *shape_.announced) {
    const bool is_eager = *shape_.announced <= kEagerBytesMax || least > kEagerBytesMax;
    return is_eager ? *shape_.announced : kEagerBytesMax;
  }
  return std::min(std::max({least, kFirstBytes, 2 * room_.size()}), shape_.bytes_max);
}

bool BodyReader::allocate(std::size_t bytes) {
  const bool is_end_aligned = shape_.layout == Layout::kEndAligned;
  const std::size_t block_bytes =
      is_end_aligned
          ? (bytes + base::kTensorAlignment - 1) / base::kTensorAlignment * base::kTensorAlignment
          : bytes + kPaddingBytes;
  base::Buffer block = base::Buffer::try_allocate(block_bytes);
  if (!block) return false;
  const std::span<std::byte> room =
      is_end_aligned ? block.bytes().last(bytes) : block.bytes().first(bytes);
  std::ranges::copy(room_.first(size_), room.begin());
  block_ = std::move(block);
  room_ = room;
  return true;
}

std::expected<void, Refusal> BodyReader::read(std::span<const std::byte> data) {
  if (data.size() > shape_.bytes_max - size_) return std::unexpected(too_large(shape_.bytes_max));
  while (!data.empty()) {
    if (size_ == room_.size()) {
      if (!allocate(wanted_bytes(size_ + 1))) return std::unexpected(no_memory());
    }
    const auto fitting = data.first(std::min(data.size(), room_.size() - size_));
    std::ranges::copy(fitting, room_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += fitting.size();
    data = data.subspan(fitting.size());
  }
  return {};
}

base::Slice BodyReader::take() {
  base::Slice whole{block_, room_.first(size_)};
  clear();
  return whole;
}

}  // namespace penstock::rest
