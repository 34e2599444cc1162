// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace penstock::drift {

// What each sticky key has brought in the tick under way. One heavy client must not be taken for
// all of them, and rows of one client are not independent of each other.
//
// Knows at most kKeysMax of them; rows of further ones are shown without a bound, and not tested.
class TickKeys {
 public:
  static constexpr std::uint32_t kRowsMax = 10;
  static constexpr std::size_t kKeysMax = std::size_t{1} << 16;

  struct Admitted {
    std::uint32_t rows = 0;  // that may be counted
    bool is_tested = false;  // one of them
  };
  // `rows` more of a key, by its hash: the low bits are as good as random.
  Admitted admit(std::uint64_t key, std::uint32_t rows);
  // The next tick begins.
  void clear();
  std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint64_t key = 0;  // 0: free
    std::uint32_t rows = 0;
  };
  Slot* find(std::uint64_t key);
  void grow();

  std::vector<Slot> slots_;  // a power of two, at most half of them taken
  std::size_t taken_ = 0;
};

}  // namespace penstock::drift
