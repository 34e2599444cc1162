// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace penstock::drift {

// The fingerprints of the last kRows rows: is a row one of them? Takes no longer where all of them
// are alike.
class RecentRows {
 public:
  static constexpr std::size_t kRows = 1024;

  RecentRows();

  // Takes the place of the oldest. True: it was among the last kRows.
  bool add(std::uint64_t fingerprint);

 private:
  static constexpr std::uint16_t kNone = 0xffff;
  static constexpr std::size_t kChains = 2 * kRows;

  struct Row {
    std::uint64_t fingerprint = 0;
    std::uint16_t next = kNone;  // of the same chain
    bool is_linked = false;      // else a later one with the same fingerprint is
  };
  bool unlink(std::uint64_t fingerprint);

  std::array<Row, kRows> rows_{};
  std::array<std::uint16_t, kChains> chains_{};
  std::size_t added_ = 0;
};

}  // namespace penstock::drift
