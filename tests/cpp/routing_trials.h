// SPDX-License-Identifier: Apache-2.0
#pragma once

// What many keys show of assignment: uniform, as large as its share, kept as a share grows, and
// independent of another salt. Short ones are C++ tests; long ones are run by
// benchmarks/traffic/trials.cc.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "routing/picker.h"
#include "routing_routes.h"

namespace penstock::testing {

// "user-0", "user-1", ...: keys as people have them.
class UserKeys {
 public:
  std::string_view operator[](std::uint64_t number) {
    const auto end = std::to_chars(text_.data() + 5, text_.data() + text_.size(), number).ptr;
    return {text_.data(), static_cast<std::size_t>(end - text_.data())};
  }

 private:
  std::array<char, 32> text_ = {'u', 's', 'e', 'r', '-'};
};

// The chance of a chi-square at least as large, by Wilson and Hilferty's cube root (1931).
inline double chi_square_tail(double chi_square, double degrees) {
  const double spread = 2 / (9 * degrees);
  const double z = (std::cbrt(chi_square / degrees) - (1 - spread)) / std::sqrt(spread);
  return std::erfc(z / std::sqrt(2.0)) / 2;
}

// How likely it is that uniform buckets are as uneven as those of `keys` keys.
inline double uniformity(std::uint64_t keys, std::uint64_t salt) {
  std::vector<std::uint32_t> counts(routing::kBucketCount);
  UserKeys users;
  for (std::uint64_t i = 0; i < keys; ++i) {
    ++counts[routing::bucket_of(routing::hash_key(salt, users[i]))];
  }
  const double expected = static_cast<double>(keys) / routing::kBucketCount;
  double chi_square = 0;
  for (const std::uint32_t count : counts) {
    chi_square += (count - expected) * (count - expected) / expected;
  }
  return chi_square_tail(chi_square, routing::kBucketCount - 1);
}

// The largest difference of an arm's part of `keys` keys from its share, in standard deviations.
inline double worst_share_error(std::uint64_t keys, std::uint32_t share_bp, std::uint64_t salt) {
  const routing::Route route = made(rollout_route(share_bp, salt));
  std::array<std::uint64_t, 3> counts{};
  UserKeys users;
  for (std::uint64_t i = 0; i < keys; ++i) {
    ++counts[routing::pick(route, {.key = users[i]}, false).arm];
  }
  double worst = 0;
  for (std::size_t arm = 0; arm < counts.size(); ++arm) {
    const double share = route.share_bp(arm) / 10'000.0;
    const double n = static_cast<double>(keys);
    const double error = std::abs(static_cast<double>(counts[arm]) - n * share);
    if (error > 0) worst = std::max(worst, error / std::sqrt(n * share * (1 - share)));
  }
  return worst;
}

// Of `keys` keys, those that left the canary or its control as the shares grew step by step.
inline std::uint64_t moved_by_ramp(std::uint64_t keys, std::uint64_t salt) {
  std::vector<routing::Route> routes;
  for (const std::uint32_t share_bp : {0U, 1U, 100U, 500U, 2500U, 5000U}) {
    routes.push_back(made(rollout_route(share_bp, salt)));
  }
  std::uint64_t moved = 0;
  UserKeys users;
  for (std::uint64_t i = 0; i < keys; ++i) {
    std::uint32_t before = kStableArm;
    for (const routing::Route& route : routes) {
      const std::uint32_t arm = routing::pick(route, {.key = users[i]}, false).arm;
      moved += before != kStableArm && arm != before;
      before = arm;
    }
  }
  return moved;
}

// Of the buckets that two salts give the same keys.
inline double correlation_of_salts(std::uint64_t keys, std::uint64_t one, std::uint64_t other) {
  constexpr double kMean = (routing::kBucketCount - 1) / 2.0;
  double together = 0;
  double of_one = 0;
  double of_other = 0;
  UserKeys users;
  for (std::uint64_t i = 0; i < keys; ++i) {
    const double a = routing::bucket_of(routing::hash_key(one, users[i])) - kMean;
    const double b = routing::bucket_of(routing::hash_key(other, users[i])) - kMean;
    together += a * b;
    of_one += a * a;
    of_other += b * b;
  }
  return together / std::sqrt(of_one * of_other);
}

}  // namespace penstock::testing
