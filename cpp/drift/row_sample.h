// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "drift/counts.h"
#include "drift/fingerprint.h"
#include "drift/plan.h"

namespace penstock::drift {

inline constexpr std::size_t kSampleBytesMax = std::size_t{8} << 20;
inline constexpr std::size_t kSampleTextMax = 256;

// Rows drawn evenly of all that came since the last take() (reservoir sampling, algorithm R of
// Vitter 1985). Kept rows are overwritten in place, value by value.
class RowSample {
 public:
  RowSample(const Plan& plan, std::size_t rows) : plan_(plan), wanted_(rows) { take(); }

  // From the next take() on, at most so many rows, and no more than kSampleBytesMax of numbers.
  void keep(std::size_t rows) { wanted_ = rows; }
  // Where the next row is to be written; nothing: it is not drawn. Its values are missing until
  // they are set.
  std::optional<std::size_t> draw(Chance& chance);
  void set_number(std::size_t row, std::size_t column, float value) {
    sample_.numbers[row * plan_.columns.size() + column] = value;
  }
  void set_text(std::size_t row, std::uint32_t column, std::span<const std::byte> text);
  void set_integer(std::size_t row, std::uint32_t column, std::int64_t value);

  Sample take();
  std::size_t bytes() const { return sample_.numbers.capacity() * sizeof(float); }

 private:
  void forget(std::size_t row);

  const Plan& plan_;
  std::size_t wanted_ = 0;
  std::size_t rows_max_ = 0;
  std::uint64_t seen_ = 0;
  Sample sample_;
};

}  // namespace penstock::drift
