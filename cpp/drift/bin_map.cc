// SPDX-License-Identifier: Apache-2.0
#include "drift/bin_map.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "drift/lanes.h"

namespace penstock::drift {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLastCell = BinMap::kCells - 1;
constexpr int kCellBits = std::bit_width(unsigned{BinMap::kCells - 1});
// One octave, in the bits of a number.
constexpr std::int32_t kOctave = 1 << 23;

// Where a number lies on an axis that is linear in the exponent: its bits, of which the first
// `zone` are as good as 0. Else most of the axis would lie between numbers that are next to
// nothing.
template <class Bits>
Bits axis(Bits bits, std::int32_t zone) {
  const Bits sign = bits >> 31;
  Bits magnitude = (bits & 0x7fffffff) - zone;
  magnitude &= ~(magnitude >> 31);
  return (magnitude ^ sign) - sign;
}

std::int32_t axis_of(float value, std::int32_t zone) {
  return axis(std::bit_cast<std::int32_t>(value), zone);
}

}  // namespace

BinMap::BinMap(std::span<const float> edges)
    : edge_count_(static_cast<std::uint8_t>(edges.size())) {
  PENSTOCK_CHECK(edges.size() <= kEdgesMax);
  edges_.fill(kInfinity);
  std::ranges::copy(edges, edges_.begin());
  if (edges.empty()) return;
  aim_linear(edges);
  const std::size_t linear = crowd(edges);
  way_ = Way::kExponent;
  aim_exponent(edges);
  const std::size_t exponent = crowd(edges);
  if (linear <= exponent) way_ = Way::kLinear;
  const std::size_t least = std::min(linear, exponent);
  compares_ = static_cast<std::uint8_t>(least);
  if (least > kComparesMax) {
    way_ = Way::kSearch;
  } else {
    fill_table(edges);
  }
}

void BinMap::aim_linear(std::span<const float> edges) {
  low_ = edges.front();
  scale_ = kLastCell / (edges.back() - edges.front());
}

void BinMap::aim_exponent(std::span<const float> edges) {
  std::int32_t nearest = kExponent;
  for (const float edge : edges) {
    const std::int32_t magnitude = std::bit_cast<std::int32_t>(edge) & 0x7fffffff;
    if (magnitude != 0) nearest = std::min(nearest, magnitude);
  }
  zone_ = std::max(nearest - kOctave, 0);
  base_ = axis_of(edges.front(), zone_);
  top_ = axis_of(edges.back(), zone_);
  const std::uint32_t length = static_cast<std::uint32_t>(top_) - static_cast<std::uint32_t>(base_);
  shift_ =
      static_cast<std::uint8_t>(std::max(static_cast<int>(std::bit_width(length)) - kCellBits, 0));
}

BinMap::Cells BinMap::cells_of_edges(std::span<const float> edges) const {
  Block block;
  block.values.fill(edges.back());
  std::ranges::copy(edges, block.values.begin());
  Cells cells;
  cells_of(block, cells);
  return cells;
}

// The most edges that one cell has.
std::size_t BinMap::crowd(std::span<const float> edges) const {
  const Cells cells = cells_of_edges(edges);
  std::size_t most = 0;
  std::size_t run = 0;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    run = i > 0 && cells[i] == cells[i - 1] ? run + 1 : 1;
    most = std::max(most, run);
  }
  return most;
}

void BinMap::fill_table(std::span<const float> edges) {
  const Cells cells = cells_of_edges(edges);
  std::size_t before = 0;
  for (std::size_t cell = 0; cell < kCells; ++cell) {
    while (before < edges.size() && std::cmp_less(cells[before], cell)) ++before;
    below_[cell] = static_cast<std::uint8_t>(before);
  }
}

void BinMap::cells_of(const Block& block, Cells& cells) const {
  way_ == Way::kLinear ? linear_cells(block, cells) : exponent_cells(block, cells);
}

void BinMap::linear_cells(const Block& block, Cells& cells) const {
  for (std::size_t i = 0; i < kBlockRows; i += kLanes) {
    Floats at = (load_lanes(&block.values[i]) - low_) * scale_;
    at = at > 0.0F ? at : Floats{};  // NaN too
    at = at < kLastCell ? at : Floats{} + kLastCell;
    const Ints found = __builtin_convertvector(at, Ints);
    std::memcpy(&cells[i], &found, sizeof found);
  }
}

void BinMap::exponent_cells(const Block& block, Cells& cells) const {
  for (std::size_t i = 0; i < kBlockRows; i += kLanes) {
    Ints at = axis(as_bits<Ints>(load_lanes(&block.values[i])), zone_);
    at = at > base_ ? at : Ints{} + base_;
    at = at < top_ ? at : Ints{} + top_;
    // It is no less than the base, but the difference may be more than 31 bits.
    const Words found = (as_bits<Words>(at) - static_cast<std::uint32_t>(base_)) >> shift_;
    std::memcpy(&cells[i], &found, sizeof found);
  }
}

template <std::size_t compares>
void BinMap::look_up(const Block& block, Places& places) const {
  Cells cells;
  cells_of(block, cells);
  for (std::size_t i = 0; i < kBlockRows; ++i) {
    const float value = block.values[i];
    const std::size_t below = below_[static_cast<std::size_t>(cells[i])];
    std::size_t place = below;
    for (std::size_t j = 0; j < compares; ++j) {
      place += static_cast<std::size_t>(value >= edges_[below + j]);
    }
    places[i] = static_cast<std::uint8_t>(place);
  }
}

// As many steps for every number, and no branch that depends on it.
void BinMap::search(const Block& block, Places& places) const {
  for (std::size_t i = 0; i < kBlockRows; ++i) {
    const float value = block.values[i];
    std::size_t place = 0;
    for (std::size_t step = (kEdgesMax + 1) / 2; step > 0; step /= 2) {
      place += value >= edges_[place + step - 1] ? step : 0;
    }
    places[i] = static_cast<std::uint8_t>(place);
  }
}

void BinMap::mark_specials(const Block& block, Places& places) const {
  Ints all = Ints{} - 1;
  for (std::size_t i = 0; i < kBlockRows; i += kLanes) {
    all &= are_finite(load_lanes(&block.values[i]));
  }
  if ((all[0] & all[1] & all[2] & all[3]) != 0) return;
  // Without a branch, for where some are missing nobody can tell which.
  for (std::size_t i = 0; i < kBlockRows; ++i) {
    const std::int32_t magnitude = std::bit_cast<std::int32_t>(block.values[i]) & 0x7fffffff;
    const unsigned is_special = 0U - static_cast<unsigned>(magnitude >= kExponent);
    const auto special =
        static_cast<unsigned>(missing()) + static_cast<unsigned>(magnitude == kExponent);
    places[i] = static_cast<std::uint8_t>((places[i] & ~is_special) | (special & is_special));
  }
}

void BinMap::find(const Block& block, Places& places) const {
  if (way_ == Way::kSearch) {
    search(block, places);
  } else {
    switch (compares_) {
      case 1: look_up<1>(block, places); break;
      case 2: look_up<2>(block, places); break;
      case 3: look_up<3>(block, places); break;
      default: look_up<kComparesMax>(block, places); break;
    }
  }
  mark_specials(block, places);
}

}  // namespace penstock::drift
