// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "harness.h"
#include "routing/picker.h"
#include "routing_routes.h"

namespace penstock::testing {
namespace {

using routing::Asked;
using routing::bucket_of;
using routing::hash_key;
using routing::Interval;
using routing::kBucketCount;
using routing::pick;
using routing::Pick;
using routing::Route;
using routing::RouteSpec;
using routing::Why;

std::string key_of(std::size_t number) { return "user-" + std::to_string(number); }

// A key that `route` assigns to `arm`.
std::string key_in(const Route& route, std::uint32_t arm) {
  for (std::size_t number = 0; number < 100'000; ++number) {
    const std::string key = key_of(number);
    if (route.arm_at(bucket_of(hash_key(route.salt(), key))) == arm) return key;
  }
  std::abort();
}

// The rules of picker.h one after another, each by looking at everything.
Pick dull_pick(const RouteSpec& spec, const Asked& asked, bool is_cut) {
  std::uint32_t canary = kBucketCount;
  std::uint32_t fallback = 0;
  for (std::uint32_t arm = 0; arm < spec.arms.size(); ++arm) {
    if (spec.arms[arm].role == routing::Role::kCanary) canary = arm;
    if (spec.arms[arm].role == routing::Role::kStable) fallback = arm;
  }
  const std::uint64_t hash = hash_key(spec.salt, asked.key);
  std::optional<Pick> picked;
  for (std::uint32_t arm = 0; arm < spec.arms.size(); ++arm) {
    for (const Interval& interval : spec.arms[arm].intervals) {
      for (std::uint32_t bucket = interval.begin; bucket < interval.end; ++bucket) {
        if (bucket == bucket_of(hash)) picked = {arm, Why::kAssigned, hash};
      }
    }
  }
  if (bucket_of(hash_key(spec.holdout.salt, asked.key)) < spec.holdout.share_bp) {
    picked = {fallback, Why::kHoldout, hash};
  }
  for (const routing::Override& override : spec.overrides) {
    if (override.key == base::sha256(asked.key)) picked = {override.arm, Why::kOverride, hash};
  }
  if (asked.labelled) picked = {*asked.labelled, Why::kLabelled, hash};
  if (asked.forced) picked = {*asked.forced, Why::kForced, hash};
  if (is_cut && picked->arm == canary) picked->arm = fallback;
  return *picked;
}

}  // namespace

TEST(routing_picker, it_picks_what_the_rules_say_one_after_another) {
  std::mt19937 random(4);
  for (int i = 0; i < 12; ++i) {
    RouteSpec spec = rollout_route(static_cast<std::uint32_t>(random() % 5001), random());
    spec.holdout = {.share_bp = static_cast<std::uint32_t>(random() % 3000), .salt = random()};
    for (std::size_t key = 0; key < 10; ++key) {
      spec.overrides.push_back(
          {.key = base::sha256(key_of(key)), .arm = static_cast<std::uint32_t>(random() % 3)});
    }
    const Route route = made(spec);
    for (std::size_t number = 0; number < 40; ++number) {
      const std::string key = key_of(number);
      Asked asked{.key = key};
      if (random() % 4 == 0) asked.forced = random() % 3;
      if (random() % 4 == 0) asked.labelled = random() % 3;
      const bool is_cut = random() % 2 == 0;
      const Pick picked = pick(route, asked, is_cut);
      const Pick wanted = dull_pick(spec, asked, is_cut);
      EXPECT_EQ(picked.arm, wanted.arm);
      EXPECT(picked.why == wanted.why);
      EXPECT_EQ(picked.key_hash, wanted.key_hash);
    }
  }
}

TEST(routing_picker, a_forced_arm_goes_before_a_label_and_that_before_the_table) {
  RouteSpec spec = rollout_route(1000);
  spec.overrides = {{.key = base::sha256("k"), .arm = kCanaryArm}};
  spec.holdout = {.share_bp = kBucketCount, .salt = 1};
  const Route route = made(spec);
  const Pick forced = pick(route, {.key = "k", .forced = kControlArm, .labelled = 0}, false);
  EXPECT(forced.why == Why::kForced);
  EXPECT_EQ(forced.arm, kControlArm);
  EXPECT(pick(route, {.key = "k", .labelled = kCanaryArm}, false).why == Why::kLabelled);
  const Pick overridden = pick(route, {.key = "k"}, false);
  EXPECT(overridden.why == Why::kOverride);
  EXPECT_EQ(overridden.arm, kCanaryArm);
}

TEST(routing_picker, a_held_out_key_is_stables_whatever_its_bucket) {
  RouteSpec spec = rollout_route(5000);
  spec.holdout = {.share_bp = 1000, .salt = 99};
  const Route route = made(spec);
  int held_out = 0;
  for (std::size_t number = 0; number < 10'000; ++number) {
    const std::string key = key_of(number);
    const Pick picked = pick(route, {.key = key}, false);
    if (picked.why != Why::kHoldout) continue;
    ++held_out;
    EXPECT_EQ(picked.arm, kStableArm);
  }
  EXPECT_LT(850, held_out);
  EXPECT_LT(held_out, 1150);
}

TEST(routing_picker, the_same_keys_are_held_out_of_every_rollout) {
  RouteSpec one = rollout_route(1000, 1);
  RouteSpec other = rollout_route(2500, 2);
  one.holdout = other.holdout = {.share_bp = 500, .salt = 99};
  const Route first = made(one);
  const Route second = made(other);
  for (std::size_t number = 0; number < 5000; ++number) {
    const std::string key = key_of(number);
    EXPECT_EQ(pick(first, {.key = key}, false).why == Why::kHoldout,
              pick(second, {.key = key}, false).why == Why::kHoldout);
  }
}

TEST(routing_picker, once_cut_nobody_gets_the_canary) {
  RouteSpec spec = rollout_route(1000);
  spec.overrides = {{.key = base::sha256("k"), .arm = kCanaryArm}};
  const Route route = made(spec);
  const std::string key = key_in(route, kCanaryArm);
  const std::vector<Asked> all = {{.key = key},
                                  {.key = "k"},
                                  {.key = "x", .forced = kCanaryArm},
                                  {.key = "x", .labelled = kCanaryArm}};
  for (const Asked& asked : all) {
    const Pick before = pick(route, asked, false);
    const Pick after = pick(route, asked, true);
    EXPECT_EQ(before.arm, kCanaryArm);
    EXPECT_EQ(after.arm, kStableArm);
    EXPECT(after.why == before.why);
    EXPECT_EQ(after.key_hash, before.key_hash);
  }
  EXPECT_EQ(pick(route, {.key = key_in(route, kControlArm)}, true).arm, kControlArm);
}

TEST(routing_picker, a_cut_is_nothing_to_a_route_without_a_canary) {
  RouteSpec spec;
  spec.name = "m";
  spec.arms = {make_arm("a", {}), make_arm("b", {{0, kBucketCount}})};
  EXPECT_EQ(pick(made(spec), {.key = "k"}, true).arm, 1);
}

TEST(routing_picker, a_shadow_sees_a_sample_of_requests_and_not_of_keys) {
  const routing::Shadow shadow{.name = "s", .model = "m", .sample_bp = 2500, .salt = 3};
  int mirrored = 0;
  for (std::uint64_t nonce = 0; nonce < 40'000; ++nonce) {
    mirrored += routing::is_mirrored(shadow, hash_key(1, "the same key"), nonce);
  }
  EXPECT_LT(9650, mirrored);  // 10 000 and four standard deviations of 87
  EXPECT_LT(mirrored, 10'350);
}

TEST(routing_picker, a_shadow_of_all_requests_misses_none_and_one_of_none_sees_none) {
  routing::Shadow shadow{.name = "s", .model = "m"};
  for (std::uint64_t nonce = 0; nonce < 1000; ++nonce) {
    EXPECT(routing::is_mirrored(shadow, nonce, nonce));
  }
  shadow.sample_bp = 0;
  for (std::uint64_t nonce = 0; nonce < 1000; ++nonce) {
    EXPECT(!routing::is_mirrored(shadow, nonce, nonce));
  }
}

}  // namespace penstock::testing
