// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "routing/assignment.h"

namespace penstock::routing {

// Bounds of one route, each crossed by a test.
inline constexpr std::size_t kArmsMax = 16;
inline constexpr std::size_t kShadowsMax = 4;
inline constexpr std::size_t kIntervalsMax = 1024;  // of all arms together
inline constexpr std::size_t kOverridesMax = 10'000;
inline constexpr std::size_t kArmNameBytesMax = 64;
inline constexpr std::size_t kForceKeysMax = 8;
// Shorter ones can be guessed.
inline constexpr std::size_t kForceKeyBytesMin = 16;

// Buckets [begin, end).
struct Interval {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  friend bool operator==(const Interval&, const Interval&) = default;
};

// What an arm is to a rollout; arms of a route without one are all kPlain.
enum class Role : std::uint8_t {
  kPlain,
  kStable,   // the version that is live
  kControl,  // the same version, as large a share as the canary and batched by itself: with it the
             // canary's latency is compared
  kCanary,   // the version that is on trial
};
inline constexpr std::size_t kRoleCount = 4;

// A share of a route's traffic, and the version that answers it. Its name is the label that
// clients may ask for, and that answers tell.
struct Arm {
  std::string name;  // letters, digits, '-', '_' and '.'; not all digits, which name a version
  std::string model;
  std::string version = {};  // a number; empty: the highest that is loaded
  Role role = Role::kPlain;
  // Disjoint from those of all other arms; together the arms have every bucket. An arm grows at
  // the end of its intervals only, so that whoever is in it stays in it.
  std::vector<Interval> intervals;
};

// Where the key of a request is found. A request without it has its id as key, and one without
// that a key of its own.
enum class KeySource : std::uint8_t { kRequestId, kHeader, kParameter };

struct StickyKey {
  KeySource source = KeySource::kRequestId;
  std::string name;  // of the header, in lower case, or of the parameter

  friend bool operator==(const StickyKey&, const StickyKey&) = default;
};

using base::Digest;

// The key whose SHA-256 this is goes to an arm, whatever its bucket.
struct Override {
  Digest key{};
  std::uint32_t arm = 0;
};

// Keys that no rollout touches: always stable, and no part of its evidence.
struct Holdout {
  std::uint32_t share_bp = 0;
  std::uint64_t salt = 0;
};

// A version that is sent copies of requests, and whose answers nobody waits for.
struct Shadow {
  std::string name;
  std::string model;
  std::string version = {};
  std::uint32_t sample_bp = kBucketCount;
  std::uint64_t salt = 0;
};

// What a route is made of, as somebody wrote it.
struct RouteSpec {
  std::string name;  // what clients call the model
  StickyKey sticky;
  std::uint64_t salt = 0;
  std::vector<Arm> arms;
  std::vector<Override> overrides;
  Holdout holdout;
  std::vector<Shadow> shadows;
  // Secrets of which one must have signed a forced arm (forced_arm.h); none: nobody may force.
  std::vector<std::string> force_keys;
};

// A route that was checked. Immutable; part of a snapshot.
class Route {
 public:
  // kInvalidArgument, in a sentence, for arms that have no fit name, share one or are too many,
  // that overlap or leave buckets over (with the sum that was found, in basis points), for more
  // than one arm of a role, a canary without a stable arm, an override to an arm that is not there
  // or of a key that has one, a secret that is too short, and beyond the bounds above.
  static base::Result<Route> make(RouteSpec spec);

  const std::string& name() const { return spec_.name; }
  const StickyKey& sticky() const { return spec_.sticky; }
  std::uint64_t salt() const { return spec_.salt; }
  std::span<const Arm> arms() const { return spec_.arms; }
  const Arm& arm(std::size_t index) const { return spec_.arms[index]; }
  const Holdout& holdout() const { return spec_.holdout; }
  std::span<const Shadow> shadows() const { return spec_.shadows; }
  std::span<const std::string> force_keys() const { return spec_.force_keys; }

  // The share of an arm in basis points: the chance of a key to be assigned to it.
  std::uint32_t share_bp(std::size_t arm) const { return shares_bp_[arm]; }
  // Where a request goes that no other rule sends elsewhere, and where the canary's go once it is
  // cut: the arm of kStable, else the first.
  std::uint32_t fallback() const { return fallback_; }
  std::optional<std::uint32_t> canary() const { return canary_; }
  std::optional<std::uint32_t> arm_named(std::string_view name) const;
  // Of all arms, for sentences: "stable", "control" and "canary".
  std::string arm_names() const;

  bool has_overrides() const { return !spec_.overrides.empty(); }
  std::optional<std::uint32_t> override_of(const Digest& key) const;
  std::uint32_t arm_at(std::uint32_t bucket) const;

 private:
  Route() = default;

  RouteSpec spec_;  // overrides by digest, ascending
  // Buckets below ends_[i], from ends_[i - 1] on, are the arm's that owners_[i] says.
  std::vector<std::uint16_t> ends_;
  std::vector<std::uint8_t> owners_;
  std::vector<std::uint32_t> shares_bp_;
  std::uint32_t fallback_ = 0;
  std::optional<std::uint32_t> canary_;
};

}  // namespace penstock::routing
