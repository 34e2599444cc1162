// SPDX-License-Identifier: Apache-2.0
#include "routing/route.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/text.h"

namespace penstock::routing {
namespace {

using base::Code;
using base::quote;

std::unexpected<base::Error> refuse(const RouteSpec& spec, const std::string& why) {
  return base::fail(Code::kInvalidArgument, "Route " + quote(spec.name) + ": " + why);
}

// "at most 16 arms, found 17"
std::string too_many(std::size_t most, std::string_view of_what, std::size_t found) {
  return "wanted at most " + std::to_string(most) + " " + std::string(of_what) + ", found " +
         std::to_string(found) + ".";
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_label_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_' ||
         c == '.';
}

// Names are labels of metrics and values of headers, and must differ from version numbers.
bool is_label(std::string_view name) {
  return !name.empty() && name.size() <= kArmNameBytesMax &&
         std::ranges::all_of(name, is_label_character) && !std::ranges::all_of(name, is_digit);
}

bool is_version(std::string_view version) { return std::ranges::all_of(version, is_digit); }

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// "arm" or "shadow", and what it is called.
std::string named(std::string_view what, std::string_view name) {
  return std::string(what) + " " + quote(name);
}

base::Result<> check_target(const RouteSpec& spec, std::string_view what, const std::string& name,
                            const std::string& model, const std::string& version) {
  const std::string it = named(what, name);
  if (!is_label(name)) {
    return refuse(spec, it + " has no fit name; wanted 1 to " + std::to_string(kArmNameBytesMax) +
                            " letters, digits, '-', '_' or '.', and not digits alone.");
  }
  if (model.empty()) return refuse(spec, it + " names no model.");
  if (!is_version(version)) {
    return refuse(spec, it + " has version " + quote(version) + "; wanted a number, or nothing.");
  }
  return {};
}

base::Result<> check_bounds(const RouteSpec& spec) {
  if (spec.name.empty() || has_control_character(spec.name)) {
    return refuse(spec, "wanted a name without control characters.");
  }
  if (spec.arms.empty()) return refuse(spec, "wanted at least one arm, found none.");
  if (spec.arms.size() > kArmsMax)
    return refuse(spec, too_many(kArmsMax, "arms", spec.arms.size()));
  if (spec.shadows.size() > kShadowsMax) {
    return refuse(spec, too_many(kShadowsMax, "shadows", spec.shadows.size()));
  }
  if (spec.overrides.size() > kOverridesMax) {
    return refuse(spec, too_many(kOverridesMax, "overrides", spec.overrides.size()));
  }
  if (spec.force_keys.size() > kForceKeysMax) {
    return refuse(spec, too_many(kForceKeysMax, "keys that sign", spec.force_keys.size()));
  }
  std::size_t intervals = 0;
  for (const Arm& arm : spec.arms) intervals += arm.intervals.size();
  if (intervals > kIntervalsMax) {
    return refuse(spec, too_many(kIntervalsMax, "intervals of all arms together", intervals));
  }
  return {};
}

base::Result<> check_arms(const RouteSpec& spec) {
  std::set<std::string_view> names;
  std::array<std::size_t, kRoleCount> with_role{};
  for (const Arm& arm : spec.arms) {
    if (auto fit = check_target(spec, "arm", arm.name, arm.model, arm.version); !fit) return fit;
    if (!names.insert(arm.name).second) {
      return refuse(spec, "two arms are named " + quote(arm.name) + ".");
    }
    ++with_role[static_cast<std::size_t>(arm.role)];
  }
  const auto count = [&with_role](Role role) { return with_role[static_cast<std::size_t>(role)]; };
  for (const Role role : {Role::kStable, Role::kControl, Role::kCanary}) {
    if (count(role) > 1) {
      return refuse(spec,
                    "wanted at most one arm that is stable, one that is the control and one "
                    "that is the canary.");
    }
  }
  if (count(Role::kStable) == 0 && count(Role::kCanary) + count(Role::kControl) > 0) {
    return refuse(spec, "an arm is the canary or its control, but none is stable.");
  }
  return {};
}

base::Result<> check_shadows(const RouteSpec& spec) {
  std::set<std::string_view> names;
  for (const Shadow& shadow : spec.shadows) {
    if (auto fit = check_target(spec, "shadow", shadow.name, shadow.model, shadow.version); !fit) {
      return fit;
    }
    if (!names.insert(shadow.name).second) {
      return refuse(spec, "two shadows are named " + quote(shadow.name) + ".");
    }
    if (shadow.sample_bp > kBucketCount) {
      return refuse(spec, named("shadow", shadow.name) + " samples " +
                              std::to_string(shadow.sample_bp) +
                              " basis points of requests; wanted at most 10000.");
    }
  }
  return {};
}

base::Result<> check_keys(const RouteSpec& spec) {
  if ((spec.sticky.source == KeySource::kRequestId) != spec.sticky.name.empty()) {
    return refuse(spec,
                  "a sticky key is found by the name of a header or a parameter, or is the "
                  "request's id and has none.");
  }
  if (spec.holdout.share_bp > kBucketCount) {
    return refuse(spec, "the holdout has " + std::to_string(spec.holdout.share_bp) +
                            " basis points of keys; wanted at most 10000.");
  }
  for (const std::string& key : spec.force_keys) {
    if (key.size() < kForceKeyBytesMin) {
      return refuse(spec, "a key that signs forced arms has " + std::to_string(key.size()) +
                              " bytes; wanted at least " + std::to_string(kForceKeyBytesMin) + ".");
    }
  }
  for (const Override& override : spec.overrides) {
    if (override.arm >= spec.arms.size()) {
      return refuse(spec, "an override names arm number " + std::to_string(override.arm) +
                              ", counted from 0, of " + std::to_string(spec.arms.size()) + ".");
    }
  }
  return {};
}

// An interval and whose it is.
struct Owned {
  Interval interval;
  std::uint32_t arm = 0;
};

// All intervals by their begin. An error for empty ones, for overlaps, and for buckets of nobody.
base::Result<std::vector<Owned>> lay_out(const RouteSpec& spec) {
  std::vector<Owned> owned;
  std::uint32_t sum = 0;
  for (std::uint32_t arm = 0; arm < spec.arms.size(); ++arm) {
    for (const Interval& interval : spec.arms[arm].intervals) {
      if (interval.begin >= interval.end || interval.end > kBucketCount) {
        return refuse(spec, named("arm", spec.arms[arm].name) + " has the interval [" +
                                std::to_string(interval.begin) + ", " +
                                std::to_string(interval.end) +
                                "); wanted it to begin before it ends, within [0, 10000).");
      }
      sum += interval.end - interval.begin;
      owned.push_back({interval, arm});
    }
  }
  const auto by_begin = [](const Owned& one) {
    return std::pair(one.interval.begin, one.interval.end);
  };
  std::ranges::sort(owned, {}, by_begin);
  for (std::size_t i = 1; i < owned.size(); ++i) {
    if (owned[i].interval.begin >= owned[i - 1].interval.end) continue;
    return refuse(spec, "arms " + quote(spec.arms[owned[i - 1].arm].name) + " and " +
                            quote(spec.arms[owned[i].arm].name) + " both have bucket " +
                            std::to_string(owned[i].interval.begin) + " (together the arms have " +
                            std::to_string(sum) + " basis points).");
  }
  if (sum != kBucketCount) {
    return refuse(spec,
                  "together the arms have " + std::to_string(sum) + " basis points; wanted 10000.");
  }
  return owned;
}

}  // namespace

base::Result<Route> Route::make(RouteSpec spec) {
  for (const auto check : {check_bounds, check_arms, check_shadows, check_keys}) {
    if (auto fit = check(spec); !fit) return std::unexpected(std::move(fit.error()));
  }
  auto owned = lay_out(spec);
  if (!owned) return std::unexpected(std::move(owned.error()));
  std::ranges::sort(spec.overrides, {}, &Override::key);
  if (std::ranges::adjacent_find(spec.overrides, {}, &Override::key) != spec.overrides.end()) {
    return refuse(spec, "two overrides are for the same key.");
  }
  Route route;
  route.shares_bp_.resize(spec.arms.size());
  for (const auto& [interval, arm] : *owned) {
    route.shares_bp_[arm] += interval.end - interval.begin;
    route.ends_.push_back(static_cast<std::uint16_t>(interval.end));
    route.owners_.push_back(static_cast<std::uint8_t>(arm));
  }
  for (std::uint32_t arm = 0; arm < spec.arms.size(); ++arm) {
    if (spec.arms[arm].role == Role::kStable) route.fallback_ = arm;
    if (spec.arms[arm].role == Role::kCanary) route.canary_ = arm;
  }
  route.spec_ = std::move(spec);
  return route;
}

std::optional<std::uint32_t> Route::arm_named(std::string_view name) const {
  const auto found = std::ranges::find(spec_.arms, name, &Arm::name);
  if (found == spec_.arms.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - spec_.arms.begin());
}

std::string Route::arm_names() const {
  std::string names;
  for (std::size_t i = 0; i < spec_.arms.size(); ++i) {
    if (i > 0) names += i + 1 == spec_.arms.size() ? " and " : ", ";
    names += quote(spec_.arms[i].name);
  }
  return names;
}

std::optional<std::uint32_t> Route::override_of(const Digest& key) const {
  const auto found = std::ranges::lower_bound(spec_.overrides, key, {}, &Override::key);
  if (found == spec_.overrides.end() || found->key != key) return std::nullopt;
  return found->arm;
}

// How many intervals end at or before the bucket, by halves. Which half is as good as random, so
// it is reckoned without a branch.
std::uint32_t Route::arm_at(std::uint32_t bucket) const {
  const std::uint16_t* first = ends_.data();
  for (std::size_t left = ends_.size(); left > 1;) {
    const std::size_t half = left / 2;
    first += first[half - 1] <= bucket ? half : 0;
    left -= half;
  }
  return owners_[static_cast<std::size_t>(first - ends_.data())];
}

}  // namespace penstock::routing
