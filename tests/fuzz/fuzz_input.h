// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a fuzzer reads its decisions and its bytes from. Reads from the front only, so that a seed
// is easily written by make_corpus.py; past the end everything is zero.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/check.h"

namespace penstock::fuzzing {

class Input {
 public:
  Input(const std::uint8_t* bytes, std::size_t size)
      : rest_(reinterpret_cast<const char*>(bytes), size) {}

  bool is_empty() const { return rest_.empty(); }
  std::size_t size() const { return rest_.size(); }
  std::uint8_t u8() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint16_t u16() {
    const unsigned high = u8();
    return static_cast<std::uint16_t>(high << 8 | u8());
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  // Less than `end`, which is at most 256.
  std::size_t below(std::size_t end) { return u8() % end; }
  std::string_view bytes(std::size_t most) {
    const std::string_view taken = rest_.substr(0, most);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() { return bytes(rest_.size()); }

 private:
  std::string_view rest_;
};

// Cuts bytes into pieces whose sizes a seed decides: mostly a few bytes, at times many.
class Cuts {
 public:
  explicit Cuts(std::uint32_t seed) : state_(seed) {}

  std::string_view next(std::string_view& rest) {
    const std::uint64_t chance = next_chance();
    const std::uint64_t most = chance % 16 == 0 ? 4096 : 12;
    const std::string_view piece = rest.substr(0, 1 + (chance >> 8) % most);
    rest.remove_prefix(piece.size());
    return piece;
  }

 private:
  // An odd step and two rounds of mixing: neighbouring seeds cut differently from the first piece.
  std::uint64_t next_chance() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = (state_ ^ state_ >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
  }

  std::uint64_t state_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads every byte of `text`, so that AddressSanitizer looks at each.
inline unsigned touch(std::string_view text) {
  unsigned sum = 0;
  for (const char c : text) sum += static_cast<unsigned char>(c);
  static volatile unsigned sink;
  sink = sum;
  return sum;
}

}  // namespace penstock::fuzzing
