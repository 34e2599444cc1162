// SPDX-License-Identifier: Apache-2.0
#pragma once

// Routes for tests.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "routing/route.h"

namespace penstock::testing {

inline routing::Arm make_arm(std::string name, std::vector<routing::Interval> intervals,
                             routing::Role role = routing::Role::kPlain) {
  return {.name = std::move(name),
          .model = "m",
          .version = "1",
          .role = role,
          .intervals = std::move(intervals)};
}

// Of a rollout whose canary has `share_bp` of 5000 at most, as has its control.
inline routing::RouteSpec rollout_route(std::uint32_t share_bp, std::uint64_t salt = 7) {
  using routing::Role;
  routing::RouteSpec spec;
  spec.name = "m";
  spec.salt = salt;
  std::vector<routing::Interval> stable;
  if (share_bp < 5000) {
    stable = {{share_bp, 5000}, {5000 + share_bp, routing::kBucketCount}};
  }
  std::vector<routing::Interval> canary;
  std::vector<routing::Interval> control;
  if (share_bp > 0) {
    canary = {{0, share_bp}};
    control = {{5000, 5000 + share_bp}};
  }
  spec.arms = {make_arm("stable", stable, Role::kStable),
               make_arm("control", control, Role::kControl),
               make_arm("canary", canary, Role::kCanary)};
  return spec;
}

inline constexpr std::uint32_t kStableArm = 0;
inline constexpr std::uint32_t kControlArm = 1;
inline constexpr std::uint32_t kCanaryArm = 2;

inline routing::Route made(routing::RouteSpec spec) {
  auto route = routing::Route::make(std::move(spec));
  if (!route) fail(__FILE__, __LINE__, route.error().why);
  return std::move(route).value();
}

}  // namespace penstock::testing
