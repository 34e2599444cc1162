// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/buffer.h"
#include "wire/infer_codec.h"

// Private to this room.
namespace penstock::wire {

// Writes JSON into the pieces of a message: into one block, and where that is not enough into more
// of them, so that nothing is written twice and no size has to be known before. Without memory it
// goes on and has_failed() is true; the message is then of no use.
class JsonWriter {
 public:
  // `bytes_likely`: what the first block is made for.
  JsonWriter(EncodedMessage& message, std::size_t bytes_likely);
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  void put(char c) { *reserve(1) = c, ++at_; }
  void put(std::string_view text);  // as it is
  // In quotes, with escapes. False: it is not UTF-8, and nothing has been written.
  bool put_string(std::string_view text);
  void put_key(std::string_view name) {
    put_string(name);
    put(':');
  }
  template <std::integral T>
  void put_number(T value) {
    char* const room = reserve(kNumberBytesMax);
    at_ = std::to_chars(room, room + kNumberBytesMax, value).ptr;
  }
  // The shortest text that reads back as the same value, with a fraction or an exponent; NaN,
  // Infinity and -Infinity as RapidJSON writes them.
  void put_number(float value) { put_float(value); }
  void put_number(double value) { put_float(value); }

  // Bytes behind the JSON: copied where they are few, referred to where they are many.
  void put_bytes(const base::Slice& bytes);

  std::size_t bytes_written() const {
    return message_.size + static_cast<std::size_t>(at_ - begin_);
  }
  bool has_failed() const { return has_failed_; }
  // The last piece. Nothing may be written after it.
  void finish() { close_piece(); }

 private:
  static constexpr std::size_t kNumberBytesMax = 32;
  static constexpr std::size_t kEscapedBytesMax = 6;

  template <std::floating_point T>
  void put_float(T value);
  // Room for so many bytes at at_, which is returned.
  char* reserve(std::size_t bytes) {
    return static_cast<std::size_t>(end_ - at_) >= bytes ? at_ : open_block(bytes);
  }
  char* open_block(std::size_t bytes);
  void close_piece();

  EncodedMessage& message_;
  base::Buffer block_;
  char* begin_ = nullptr;  // what is not yet a piece
  char* at_ = nullptr;
  char* end_ = nullptr;
  std::size_t next_block_bytes_;
  bool has_failed_ = false;
  std::array<char, 64> spill_;  // written over and over without memory
};

template <std::floating_point T>
void JsonWriter::put_float(T value) {
  if (!(value - value == 0)) {  // NaN or infinite
    return put(value != value ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  }
  char* const room = reserve(kNumberBytesMax);
  char* at = std::to_chars(room, room + kNumberBytesMax - 2, value).ptr;
  // A whole number of few digits: let it still look like a float.
  if (std::string_view(room, static_cast<std::size_t>(at - room)).find_first_of(".e") ==
      std::string_view::npos) {
    *at++ = '.';
    *at++ = '0';
  }
  at_ = at;
}

}  // namespace penstock::wire
