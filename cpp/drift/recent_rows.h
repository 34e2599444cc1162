// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace penstock::drift {

// The fingerprints of the last kRows rows: is a row one of them?
class RecentRows {
 public:
  static constexpr std::size_t kRows = 1024;

  RecentRows();

  // Takes the place of the oldest. True: it was among the last kRows.
  bool add(std::uint64_t fingerprint);

 private:
  static constexpr std::uint16_t kNone = 0xffff;
  static constexpr std::size_t kChains = 2 * kRows;

  std::uint16_t& chain_of(std::uint64_t fingerprint) { return chains_[fingerprint % kChains]; }
  void unlink(std::uint16_t at);

  std::array<std::uint64_t, kRows> rows_{};
  std::array<std::uint16_t, kRows> next_{};  // of the same chain
  std::array<std::uint16_t, kChains> chains_{};
  std::size_t added_ = 0;
};

}  // namespace penstock::drift
