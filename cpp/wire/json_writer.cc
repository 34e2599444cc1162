// SPDX-License-Identifier: Apache-2.0
#include "wire/json_writer.h"

#include <algorithm>

#include "base/text.h"

namespace penstock::wire {
namespace {

// With its head a block of this size is one that each thread keeps for reuse (base/buffer.h).
constexpr std::size_t kBlockBytesMin = 256 - base::kTensorAlignment;
constexpr std::size_t kFirstBlockBytesMax = (std::size_t{64} << 10) - base::kTensorAlignment;
constexpr std::size_t kBlockBytesMax = std::size_t{1} << 20;

constexpr std::array<char, 16> kHexDigits = {'0', '1', '2', '3', '4', '5', '6', '7',
                                             '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'};

// The letter of the short escape; 0: there is none.
constexpr char short_escape(unsigned char c) {
  switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
  }
}

constexpr bool needs_escape(unsigned char c) { return c < 0x20 || c == '"' || c == '\\'; }

}  // namespace

JsonWriter::JsonWriter(EncodedMessage& message, std::size_t bytes_likely)
    : message_(message),
      next_block_bytes_(std::clamp(bytes_likely, kBlockBytesMin, kFirstBlockBytesMax)) {
  message_.pieces.clear();
  message_.size = 0;
}

char* JsonWriter::open_block(std::size_t bytes) {
  close_piece();
  if (!has_failed_) {
    block_ = base::Buffer::try_allocate(std::max(next_block_bytes_, bytes));
    next_block_bytes_ = std::min(next_block_bytes_ * 4, kBlockBytesMax);
    has_failed_ = !block_;
  }
  if (has_failed_) {
    begin_ = at_ = spill_.data();
    end_ = at_ + spill_.size();
    return at_;
  }
  begin_ = at_ = reinterpret_cast<char*>(block_.data());
  end_ = at_ + block_.size();
  return at_;
}

void JsonWriter::close_piece() {
  if (!has_failed_ && at_ != begin_) {
    const auto bytes = std::as_bytes(std::span(begin_, at_));
    message_.pieces.push_back({block_, bytes});
    message_.size += bytes.size();
  }
  begin_ = at_;
}

void JsonWriter::put(std::string_view text) {
  while (!text.empty()) {
    reserve(1);
    const std::size_t some = std::min(text.size(), static_cast<std::size_t>(end_ - at_));
    std::memcpy(at_, text.data(), some);
    at_ += some;
    text.remove_prefix(some);
  }
}

bool JsonWriter::put_string(std::string_view text) {
  if (!base::is_utf8(text)) return false;
  put('"');
  while (!text.empty()) {
    const auto plain = static_cast<std::size_t>(
        std::find_if(text.begin(), text.end(),
                     [](char c) { return needs_escape(static_cast<unsigned char>(c)); }) -
        text.begin());
    put(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto c = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    char* const room = reserve(kEscapedBytesMax);
    room[0] = '\\';
    if (const char letter = short_escape(c)) {
      room[1] = letter;
      at_ = room + 2;
      continue;
    }
    room[1] = 'u';
    room[2] = room[3] = '0';
    room[4] = kHexDigits[c >> 4];
    room[5] = kHexDigits[c & 15];
    at_ = room + 6;
  }
  put('"');
  return true;
}

void JsonWriter::put_bytes(const base::Slice& bytes) {
  if (bytes.bytes.size() < kReferredBytesMin) {
    return put({reinterpret_cast<const char*>(bytes.bytes.data()), bytes.bytes.size()});
  }
  close_piece();
  message_.pieces.push_back(bytes);
  message_.size += bytes.bytes.size();
}

}  // namespace penstock::wire
