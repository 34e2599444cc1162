// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "drift/bin_map.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using drift::BinMap;
using drift::Block;
using drift::kBlockRows;
using Limits = std::numeric_limits<float>;

// Values that the tests hold against std::upper_bound; the slow run says how many.
std::size_t value_count() {
  const char* const wanted = std::getenv("PENSTOCK_DRIFT_VALUES");
  return wanted == nullptr ? 1'000'000 : std::strtoull(wanted, nullptr, 10);
}

std::size_t plain_place(float value, std::span<const float> edges) {
  if (std::isnan(value)) return edges.size() + 1;
  if (std::isinf(value)) return edges.size() + 2;
  return static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), value) -
                                  edges.begin());
}

// The number of values whose place is another one.
std::size_t mismatches(const BinMap& map, std::span<const float> edges,
                       std::span<const float> values) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < values.size(); at += kBlockRows) {
    const auto part = values.subspan(at, std::min(kBlockRows, values.size() - at));
    Block block;
    block.values.fill(0);
    std::ranges::copy(part, block.values.begin());
    drift::Places places;
    map.find(block, places);
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (places[i] != plain_place(part[i], edges)) ++count;
    }
  }
  return count;
}

std::vector<float> distinct(std::vector<float> edges) {
  std::erase_if(edges, [](float edge) { return !std::isfinite(edge); });
  std::ranges::sort(edges);
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  if (edges.size() > drift::kEdgesMax) edges.resize(drift::kEdgesMax);
  return edges;
}

// 63 edges that part a sample into equal masses.
template <class Draw>
std::vector<float> quantiles(Draw draw) {
  std::vector<float> sample(20'000);
  for (float& value : sample) value = draw();
  std::ranges::sort(sample);
  std::vector<float> edges;
  for (std::size_t i = 1; i < 64; ++i) edges.push_back(sample[i * sample.size() / 64]);
  return distinct(edges);
}

// Each edge, its neighbours, and what else is odd about floats.
std::vector<float> odd_values(std::span<const float> edges) {
  std::vector<float> values = {0.0F,
                               -0.0F,
                               Limits::denorm_min(),
                               -Limits::denorm_min(),
                               Limits::min(),
                               -Limits::min(),
                               Limits::max(),
                               Limits::lowest(),
                               Limits::infinity(),
                               -Limits::infinity(),
                               Limits::quiet_NaN(),
                               -Limits::quiet_NaN(),
                               std::bit_cast<float>(0x7f800001U),
                               std::bit_cast<float>(0xffffffffU)};
  for (const float edge : edges) {
    values.insert(values.end(), {edge, -edge, std::nextafter(edge, Limits::infinity()),
                                 std::nextafter(edge, -Limits::infinity())});
  }
  return values;
}

struct Named {
  std::string name;
  std::vector<float> edges;
};

std::vector<Named> edge_sets(std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> uniform(0, 1);
  std::student_t_distribution<float> heavy(2);
  const auto bits = [&] { return std::bit_cast<float>(static_cast<std::uint32_t>(random())); };
  std::vector<Named> sets = {
      {"none", {}},
      {"one", {0.0F}},
      {"zeros", distinct({-0.0F, 1.0F})},
      {"normal", quantiles([&] { return normal(random); })},
      {"lognormal", quantiles([&] { return std::exp(3 * normal(random)); })},
      {"heavy", quantiles([&] { return heavy(random); })},
      {"far from zero", quantiles([&] { return 1e6F + normal(random); })},
      {"tiny", quantiles([&] { return 1e-40F * normal(random); })},
      {"all of float", distinct({Limits::lowest(), -1, -1e-30F, 0, 1e-30F, 1, Limits::max()})},
      {"integers", quantiles([&] { return std::floor(100 * uniform(random)); })},
      {"powers", quantiles([&] { return std::exp2(std::floor(40 * uniform(random)) - 20); })},
  };
  Named crowded{"crowded", {}};  // more in one place than any map parts
  float edge = 1;
  for (int i = 0; i < 40; ++i) crowded.edges.push_back(edge = std::nextafter(edge, 2.0F));
  crowded.edges.insert(crowded.edges.end(), {1e30F, 2e30F});
  sets.push_back(crowded);
  for (int i = 0; i < 8; ++i) {
    std::vector<float> edges(1 + random() % drift::kEdgesMax);
    for (float& one : edges) one = bits();
    sets.push_back({"random bits", distinct(edges)});
  }
  return sets;
}

}  // namespace

TEST(drift_bin_map, is_upper_bound_for_every_float) {
  std::mt19937 random(7);
  const std::vector<Named> sets = edge_sets(random);
  const std::size_t count = value_count() / sets.size();
  std::normal_distribution<float> normal;
  for (const auto& [name, edges] : sets) {
    const BinMap map(edges);
    const float low = edges.empty() ? 0 : edges.front();
    const float width = edges.empty() ? 1 : edges.back() / 2 - low / 2;
    std::size_t wrong = mismatches(map, edges, odd_values(edges));
    std::vector<float> values(1 << 12);
    for (std::size_t done = 0; done < count; done += values.size()) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        const auto bits = static_cast<std::uint32_t>(random());
        values[i] = i % 2 == 0 ? std::bit_cast<float>(bits) : low + width * (1 + normal(random));
      }
      wrong += mismatches(map, edges, values);
    }
    if (wrong > 0) fail(__FILE__, __LINE__, name + ": " + std::to_string(wrong) + " other places");
  }
}

TEST(drift_bin_map, edges_as_they_come_need_no_search) {
  std::mt19937 random(7);
  for (const auto& [name, edges] : edge_sets(random)) {
    const bool is_common = name == "normal" || name == "lognormal" || name == "heavy" ||
                           name == "far from zero" || name == "integers" || name == "powers";
    if (is_common && BinMap(edges).searches()) fail(__FILE__, __LINE__, name + " is searched");
    if (name == "crowded") EXPECT(BinMap(edges).searches());
  }
}

TEST(drift_bin_map, specials_come_after_the_bins) {
  const BinMap map(std::vector<float>{0, 1});
  EXPECT_EQ(map.bins(), 3);
  EXPECT_EQ(map.missing(), 3);
  EXPECT_EQ(map.infinite(), 4);
  EXPECT_EQ(map.places(), 5);
}

}  // namespace penstock::testing
