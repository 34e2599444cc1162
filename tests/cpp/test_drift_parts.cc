// SPDX-License-Identifier: Apache-2.0
// The small parts of the accumulator, each against a dull reference.
#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "drift/category_map.h"
#include "drift/fingerprint.h"
#include "drift/moments.h"
#include "drift/projection.h"
#include "drift/recent_rows.h"
#include "drift/tick_keys.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using drift::Block;
using drift::CategoryMap;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST(drift_category_map, finds_names_and_nothing_else) {
  std::vector<std::string> names;
  for (int i = 0; i < 256; ++i) names.push_back("name " + std::to_string(i));
  names[7] = std::string("\0x", 2);
  const CategoryMap map(names);
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(map.find(bytes_of(names[i])), i);
  EXPECT_EQ(map.find(bytes_of("")), map.missing());
  EXPECT_EQ(map.find(bytes_of("name")), map.other());
  EXPECT_EQ(map.places(), 258);
  for (int i = 0; i < 100'000; ++i) {
    EXPECT_EQ(map.find(bytes_of("another " + std::to_string(i))), map.other());
  }
}

TEST(drift_category_map, takes_integers_and_may_know_none) {
  const CategoryMap map(std::vector<std::int64_t>{-1, 0, INT64_MIN, INT64_MAX, 999});
  EXPECT_EQ(map.find(-1), 0);
  EXPECT_EQ(map.find(INT64_MIN), 2);
  EXPECT_EQ(map.find(INT64_MAX), 3);
  EXPECT_EQ(map.find(998), map.other());
  const CategoryMap none(std::vector<std::string>{});
  EXPECT_EQ(none.find(bytes_of("a")), 0);
  EXPECT_EQ(none.find(bytes_of("")), 1);
}

TEST(drift_moments, are_sums_over_finite_numbers) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(1000, 3);
  const drift::Bounds bounds{.shift = 1000.1, .minimum = 998, .maximum = 1004};
  drift::Moments moments;
  long double sum = 0;
  long double squares = 0;
  std::size_t below = 0;
  std::size_t above = 0;
  float least = kInfinity;
  float greatest = -kInfinity;
  for (int blocks = 0; blocks < 20; ++blocks) {
    Block block;
    for (float& value : block.values) {
      const auto kind = random() % 10;
      value = kind == 0 ? kNan : kind == 1 ? kInfinity : kind == 2 ? -kInfinity : normal(random);
      if (!std::isfinite(value)) continue;
      const long double off = static_cast<long double>(value) - 1000.1L;
      sum += off;
      squares += off * off;
      below += value < 998 ? 1 : 0;
      above += value > 1004 ? 1 : 0;
      least = std::min(least, value);
      greatest = std::max(greatest, value);
    }
    moments.add(block, bounds);
  }
  EXPECT(std::abs(moments.sum - static_cast<double>(sum)) < 1e-8);
  EXPECT(std::abs(moments.squares - static_cast<double>(squares)) < 1e-8);
  EXPECT_EQ(moments.below, below);
  EXPECT_EQ(moments.above, above);
  EXPECT_EQ(moments.least, least);
  EXPECT_EQ(moments.greatest, greatest);
}

TEST(drift_moments, of_nothing_finite_have_no_least) {
  Block block;
  block.values.fill(kNan);
  drift::Moments moments;
  moments.add(block, {});
  EXPECT_EQ(moments.sum, 0.0);
  EXPECT_EQ(moments.least, kInfinity);
  EXPECT_EQ(moments.greatest, -kInfinity);
}

TEST(drift_moments, bounds_are_rounded_to_floats_that_lie_within) {
  EXPECT_EQ(drift::least_within(0.5), 0.5F);
  EXPECT(static_cast<double>(drift::least_within(0.1)) >= 0.1);
  EXPECT(static_cast<double>(drift::greatest_within(0.1)) <= 0.1);
  EXPECT_EQ(std::nextafter(drift::greatest_within(0.1), 1.0F), drift::least_within(0.1));
}

TEST(drift_recent_rows, are_the_last_1024) {
  drift::RecentRows recent;
  std::deque<std::uint64_t> last;
  std::mt19937_64 random(11);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t row = random() % 3000 << (i % 2 == 0 ? 0 : 11);  // many of one chain
    EXPECT_EQ(recent.add(row), std::ranges::find(last, row) != last.end());
    last.push_back(row);
    if (last.size() > drift::RecentRows::kRows) last.pop_front();
  }
}

TEST(drift_recent_rows, take_no_longer_where_all_are_alike) {
  drift::RecentRows recent;
  EXPECT(!recent.add(7));
  for (int i = 0; i < 100'000; ++i) {
    if (!recent.add(7)) EXPECT(false);
  }
  EXPECT(!recent.add(8));
}

TEST(drift_tick_keys, admit_ten_rows_of_a_key_and_test_it_once_in_a_tick) {
  drift::TickKeys keys;
  std::map<std::uint64_t, std::uint32_t> before;
  std::mt19937_64 random(5);
  for (int tick = 0; tick < 3; ++tick) {
    for (int i = 0; i < 20'000; ++i) {
      const std::uint64_t key = random() % 3000;
      const auto rows = static_cast<std::uint32_t>(1 + random() % 4);
      std::uint32_t& brought = before[key];
      const auto admitted = keys.admit(key, rows);
      EXPECT_EQ(admitted.rows, std::min(rows, 10 - brought));
      EXPECT_EQ(admitted.is_tested, brought == 0);
      brought += admitted.rows;
    }
    keys.clear();
    before.clear();
  }
}

TEST(drift_tick_keys, beyond_those_that_it_knows_keys_are_shown_and_not_tested) {
  drift::TickKeys keys;
  for (std::uint64_t key = 1; key <= drift::TickKeys::kKeysMax; ++key)
    keys.admit(drift::mixed(key), 1);
  const std::size_t bytes = keys.bytes();
  for (std::uint64_t key = 1; key < 20'000; ++key) {
    const auto admitted = keys.admit(drift::mixed(drift::TickKeys::kKeysMax + key), 20);
    EXPECT_EQ(admitted.rows, 20);
    EXPECT(!admitted.is_tested);
  }
  EXPECT_EQ(keys.bytes(), bytes);
  EXPECT_EQ(keys.admit(drift::mixed(1), 20).rows, 9);
  keys.clear();
  EXPECT(keys.admit(drift::mixed(drift::TickKeys::kKeysMax + 1), 1).is_tested);
}

TEST(drift_projection, is_a_signed_sum_over_the_root_of_the_length) {
  std::vector<float> row(100);
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (float& value : row) value = normal(random);
  const auto projected = drift::project(row);
  double squares = 0;
  for (std::size_t k = 0; k < drift::kProjections; ++k) {
    double sum = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool is_negative = (drift::projection_signs(i) >> k & 1) != 0;
      sum += is_negative ? -static_cast<double>(row[i]) : static_cast<double>(row[i]);
      if (k == 0) squares += static_cast<double>(row[i]) * static_cast<double>(row[i]);
    }
    EXPECT_EQ(projected.values[k], static_cast<float>(sum / 10));
  }
  EXPECT_EQ(projected.norm, static_cast<float>(std::sqrt(squares)));
}

TEST(drift_projection, signs_are_splitmix64_s) {
  // The first outputs of the reference implementation for the seed 0.
  EXPECT_EQ(drift::projection_signs(0), 0xe220a8397b1dcdafU & 0xffffU);
  EXPECT_EQ(drift::projection_signs(1), 0x6e789e6aa1b965f4U & 0xffffU);
}

}  // namespace penstock::testing
