// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace penstock::judging {

inline constexpr std::size_t kSliceColumnsMax = 64;
inline constexpr std::size_t kSliceBinsMax = 10;
// Rows whose values the bins are made of.
inline constexpr std::size_t kSliceRowsLearnt = 512;

// Rows of which one column lies in [low, high), or is missing.
struct Slice {
  std::size_t column = 0;
  bool is_missing = false;
  double low = 0.0;   // -infinity of the first bin
  double high = 0.0;  // infinity of the last
  std::uint64_t rows = 0;
  std::uint64_t agreed = 0;
  // The rate of disagreement is at least this: Wilson's bound at three standard deviations, which
  // some seven hundred slices looked at together ask for.
  double disagreement_min = 0.0;
};

// Where two versions disagree: rows counted by the value of each numeric column, in bins that are
// made by themselves. The bins of a column are the deciles of its first kSliceRowsLearnt rows,
// fewer where values repeat; those rows are kept until then and counted with the rest. Needs
// kSliceRowsLearnt x columns numbers at first, some 12 KiB then.
class Slices {
 public:
  // Columns beyond kSliceColumnsMax are not looked at.
  explicit Slices(std::size_t columns);

  // One row: a number for each column, NaN where it is missing; and whether the answers agree.
  void add(std::span<const double> row, bool agrees);

  std::size_t columns() const { return columns_.size(); }
  // The `count` slices whose disagreement is highest for sure, worst first; of those that have any.
  // None before the bins are made.
  std::vector<Slice> worst(std::size_t count) const;

 private:
  struct Tally {
    std::uint64_t rows = 0;
    std::uint64_t agreed = 0;
    void add(bool agrees) { ++rows, agreed += agrees ? 1 : 0; }
  };
  struct Column {
    std::vector<double> edges;  // ascending; a value at an edge lies above it
    std::array<Tally, kSliceBinsMax> bins{};
    Tally missing;
  };

  void learn();
  void count(std::span<const double> row, bool agrees);

  std::vector<Column> columns_;
  bool has_learnt_ = false;
  std::vector<double> kept_;  // rows, until the bins are made
  std::vector<bool> kept_agrees_;
};

// Wilson's lower bound of a share of which `hits` of `total` were seen, `z` standard deviations
// off.
double wilson_lower(std::uint64_t hits, std::uint64_t total, double z);

}  // namespace penstock::judging
