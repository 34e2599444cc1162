// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "drift/block.h"

namespace penstock::drift {

inline constexpr std::size_t kEdgesMax = 63;

// Which bin a number falls into: as many as there are edges that are no more than it, which is what
// std::upper_bound says. After the bins come the places of what is missing (NaN) and of what is
// infinite; -0 is 0. The same as penstock.profile.places.number_places.
//
// A map of numbers to kCells cells, which only has to be monotone, then a table of how many edges
// lie in the cells below, then comparisons with the edges of the cell itself. Of two maps, a linear
// one and one that is linear in the exponent, that is taken which crowds the edges less. Where both
// put more than kComparesMax of them in one cell, they are searched by halves.
class BinMap {
 public:
  static constexpr std::size_t kCells = 512;
  static constexpr std::size_t kComparesMax = 4;

  // `edges`: ascending, finite, at most kEdgesMax.
  explicit BinMap(std::span<const float> edges);

  std::size_t bins() const { return edge_count_ + 1; }
  std::size_t missing() const { return bins(); }
  std::size_t infinite() const { return bins() + 1; }
  std::size_t places() const { return bins() + 2; }
  bool searches() const { return way_ == Way::kSearch; }

  void find(const Block& block, Places& places) const;

 private:
  enum class Way : std::uint8_t { kLinear, kExponent, kSearch };
  using Cells = std::array<std::int32_t, kBlockRows>;

  void aim_linear(std::span<const float> edges);
  void aim_exponent(std::span<const float> edges);
  Cells cells_of_edges(std::span<const float> edges) const;
  std::size_t crowd(std::span<const float> edges) const;
  void fill_table(std::span<const float> edges);
  void cells_of(const Block& block, Cells& cells) const;
  void linear_cells(const Block& block, Cells& cells) const;
  void exponent_cells(const Block& block, Cells& cells) const;
  template <std::size_t compares>
  void look_up(const Block& block, Places& places) const;
  void search(const Block& block, Places& places) const;
  void mark_specials(const Block& block, Places& places) const;

  Way way_ = Way::kLinear;
  std::uint8_t compares_ = 1;
  std::uint8_t edge_count_ = 0;
  std::uint8_t shift_ = 0;
  float low_ = 0;
  float scale_ = 0;
  std::int32_t zone_ = 0;
  std::int32_t base_ = 0;
  std::int32_t top_ = 0;
  // Behind the last one infinities, which no finite number reaches.
  std::array<float, kEdgesMax + 1 + kComparesMax> edges_;
  std::array<std::uint8_t, kCells> below_{};  // edges in the cells before
};

}  // namespace penstock::drift
