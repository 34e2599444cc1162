// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>
#include <string>

#include "base/sha256.h"
#include "harness.h"
#include "routing/route.h"
#include "routing_routes.h"

namespace penstock::testing {
namespace {

using base::sha256;
using routing::Arm;
using routing::Interval;
using routing::kBucketCount;
using routing::KeySource;
using routing::Role;
using routing::Route;
using routing::RouteSpec;

RouteSpec halves() {
  RouteSpec spec;
  spec.name = "m";
  spec.arms = {make_arm("a", {{0, 5000}}), make_arm("b", {{5000, 10'000}})};
  return spec;
}

// The sentence that refuses `spec`, less its "Route "m": ".
std::string why_not(RouteSpec spec) {
  const auto route = Route::make(std::move(spec));
  if (route) return "";
  EXPECT_EQ(route.error().code, base::Code::kInvalidArgument);
  const std::string& why = route.error().why;
  return why.starts_with("Route \"m\": ") ? why.substr(11) : why;
}

// `count` arms, the first with all buckets.
RouteSpec with_arms(std::size_t count) {
  RouteSpec spec;
  spec.name = "m";
  spec.arms = {make_arm("a0", {{0, kBucketCount}})};
  for (std::size_t i = 1; i < count; ++i)
    spec.arms.push_back(make_arm("a" + std::to_string(i), {}));
  return spec;
}

// Random cuts of all buckets, each piece given to a random arm.
RouteSpec random_layout(std::mt19937& random) {
  RouteSpec spec = with_arms(1 + random() % routing::kArmsMax);
  spec.arms[0].intervals.clear();
  std::uint32_t begin = 0;
  const std::uint32_t widest = random() % 2 == 0 ? 5000 : 50;
  while (begin < kBucketCount) {
    std::uint32_t end = std::min<std::uint32_t>(
        kBucketCount, begin + 1 + static_cast<std::uint32_t>(random() % widest));
    spec.arms[random() % spec.arms.size()].intervals.push_back({begin, end});
    begin = end;
  }
  return spec;
}

}  // namespace

TEST(routing_route, every_bucket_belongs_to_the_arm_whose_interval_has_it) {
  std::mt19937 random(3);
  for (int i = 0; i < 10; ++i) {
    const RouteSpec spec = random_layout(random);
    const Route route = made(spec);
    std::vector<std::uint32_t> shares(spec.arms.size());
    for (std::uint32_t bucket = 0; bucket < kBucketCount; ++bucket) {
      const auto has = [bucket](const Arm& arm) {
        return std::ranges::any_of(arm.intervals, [bucket](const Interval& interval) {
          return bucket >= interval.begin && bucket < interval.end;
        });
      };
      const auto wanted = std::ranges::find_if(spec.arms, has) - spec.arms.begin();
      if (route.arm_at(bucket) != wanted) return fail(__FILE__, __LINE__, std::to_string(bucket));
      ++shares[static_cast<std::size_t>(wanted)];
    }
    for (std::size_t arm = 0; arm < shares.size(); ++arm) {
      EXPECT_EQ(route.share_bp(arm), shares[arm]);
    }
  }
}

TEST(routing_route, an_arm_may_have_no_share_and_one_may_have_all) {
  const Route route = made(with_arms(3));
  EXPECT_EQ(route.share_bp(0), 10'000);
  EXPECT_EQ(route.share_bp(2), 0);
  EXPECT_EQ(route.arm_at(0), 0);
  EXPECT_EQ(route.arm_at(kBucketCount - 1), 0);
}

TEST(routing_route, requests_fall_back_to_stable_or_to_the_first_arm) {
  EXPECT_EQ(made(halves()).fallback(), 0);
  EXPECT(!made(halves()).canary().has_value());
  RouteSpec spec = rollout_route(100);
  std::ranges::reverse(spec.arms);
  const Route route = made(spec);
  EXPECT_EQ(route.fallback(), 2);
  EXPECT_EQ(*route.canary(), 0);
}

TEST(routing_route, arms_are_found_and_told_by_name) {
  const Route route = made(rollout_route(100));
  EXPECT_EQ(*route.arm_named("canary"), kCanaryArm);
  EXPECT(!route.arm_named("Canary").has_value());
  EXPECT(!route.arm_named("").has_value());
  EXPECT_EQ(route.arm_names(), "\"stable\", \"control\" and \"canary\"");
  EXPECT_EQ(made(halves()).arm_names(), "\"a\" and \"b\"");
  EXPECT_EQ(made(with_arms(1)).arm_names(), "\"a0\"");
}

TEST(routing_route, overrides_are_found_by_the_digest_of_their_key) {
  RouteSpec spec = halves();
  for (const std::string key : {"x", "y", "z"}) {
    spec.overrides.push_back({.key = sha256(key), .arm = key == "y" ? 1U : 0U});
  }
  const Route route = made(spec);
  EXPECT(route.has_overrides());
  EXPECT_EQ(*route.override_of(sha256("x")), 0);
  EXPECT_EQ(*route.override_of(sha256("y")), 1);
  EXPECT(!route.override_of(sha256("w")).has_value());
  EXPECT(!made(halves()).has_overrides());
}

TEST(routing_route, shares_that_do_not_add_up_are_refused_with_their_sum) {
  RouteSpec spec = halves();
  spec.arms[1].intervals = {{5000, 9500}};
  EXPECT_EQ(why_not(spec), "together the arms have 9500 basis points; wanted 10000.");
  spec.arms[1].intervals = {{4900, 10'000}};
  EXPECT_EQ(why_not(spec),
            "arms \"a\" and \"b\" both have bucket 4900 (together the arms have 10100 basis "
            "points).");
  spec.arms = {make_arm("a", {})};
  EXPECT_EQ(why_not(spec), "together the arms have 0 basis points; wanted 10000.");
}

TEST(routing_route, an_interval_that_is_none_is_refused) {
  for (const Interval interval : {Interval{5, 5}, {6, 5}, {5000, 10'001}, {10'000, 10'000}}) {
    RouteSpec spec = halves();
    spec.arms[1].intervals.push_back(interval);
    EXPECT_CONTAINS(why_not(spec), "arm \"b\" has the interval [" + std::to_string(interval.begin));
  }
}

TEST(routing_route, an_interval_within_another_overlaps_it) {
  RouteSpec spec = halves();
  spec.arms = {make_arm("a", {{0, 10'000}}), make_arm("b", {{10, 20}, {30, 40}})};
  EXPECT_CONTAINS(why_not(spec), "both have bucket 10 (together the arms have 10020 basis points)");
}

TEST(routing_route, an_arms_name_is_a_label_and_no_version) {
  for (const std::string name : {"", "1", "42", "a b", "a\n", "a;b", "ä", "a\x7f"}) {
    RouteSpec spec = halves();
    spec.arms[1].name = name;
    EXPECT_CONTAINS(why_not(spec), "and not digits alone");
  }
  RouteSpec spec = halves();
  spec.arms[1].name = "a";
  EXPECT_EQ(why_not(spec), "two arms are named \"a\".");
  spec.arms[1].name = std::string(routing::kArmNameBytesMax, 'x');
  EXPECT_EQ(why_not(spec), "");
  spec.arms[1].name += 'x';
  EXPECT_CONTAINS(why_not(spec), "wanted 1 to 64 letters");
}

TEST(routing_route, an_arm_names_a_model_and_a_number_or_no_version) {
  RouteSpec spec = halves();
  spec.arms[1].version = "";
  EXPECT_EQ(why_not(spec), "");
  spec.arms[1].version = "v2";
  EXPECT_EQ(why_not(spec), "arm \"b\" has version \"v2\"; wanted a number, or nothing.");
  spec.arms[1].version = "2";
  spec.arms[1].model = "";
  EXPECT_EQ(why_not(spec), "arm \"b\" names no model.");
}

TEST(routing_route, a_role_is_played_by_one_arm_and_a_canary_needs_a_stable_one) {
  RouteSpec spec = rollout_route(100);
  spec.arms[kControlArm].role = Role::kCanary;
  EXPECT_CONTAINS(why_not(spec), "wanted at most one arm that is stable");
  spec = rollout_route(100);
  spec.arms[kStableArm].role = Role::kPlain;
  EXPECT_EQ(why_not(spec), "an arm is the canary or its control, but none is stable.");
}

TEST(routing_route, it_has_a_name_of_characters_that_can_be_shown) {
  RouteSpec spec = halves();
  spec.name = "";
  EXPECT_CONTAINS(why_not(spec), "wanted a name without control characters");
  spec.name = "m\nb";
  EXPECT_CONTAINS(why_not(spec), "wanted a name without control characters");
}

TEST(routing_route, a_sticky_key_is_named_unless_it_is_the_requests_id) {
  RouteSpec spec = halves();
  spec.sticky = {.source = KeySource::kHeader, .name = ""};
  EXPECT_CONTAINS(why_not(spec), "a sticky key");
  spec.sticky = {.source = KeySource::kParameter, .name = "user"};
  EXPECT_EQ(why_not(spec), "");
  spec.sticky = {.source = KeySource::kRequestId, .name = "user"};
  EXPECT_CONTAINS(why_not(spec), "a sticky key");
}

TEST(routing_route, its_arms_and_their_intervals_are_bounded) {
  EXPECT_EQ(why_not(with_arms(routing::kArmsMax)), "");
  EXPECT_EQ(why_not(with_arms(routing::kArmsMax + 1)), "wanted at most 16 arms, found 17.");
  RouteSpec spec = halves();
  spec.arms.clear();
  EXPECT_EQ(why_not(spec), "wanted at least one arm, found none.");
  spec.arms = {make_arm("a", {}), make_arm("b", {})};
  for (std::uint32_t i = 0; i < routing::kIntervalsMax; ++i) {
    const std::uint32_t end = i + 1 == routing::kIntervalsMax ? kBucketCount : i + 1;
    spec.arms[i % 2].intervals.push_back({i, end});
  }
  EXPECT_EQ(why_not(spec), "");
  spec.arms[0].intervals.push_back({0, 1});
  EXPECT_EQ(why_not(spec), "wanted at most 1024 intervals of all arms together, found 1025.");
}

TEST(routing_route, its_shadows_are_bounded_and_sample_at_most_all) {
  RouteSpec spec = halves();
  for (std::size_t i = 0; i < routing::kShadowsMax; ++i) {
    spec.shadows.push_back({.name = "s" + std::to_string(i), .model = "m", .version = "2"});
  }
  EXPECT_EQ(why_not(spec), "");
  spec.shadows[1].sample_bp = 10'001;
  EXPECT_CONTAINS(why_not(spec), "shadow \"s1\" samples 10001 basis points");
  spec.shadows[1] = spec.shadows[0];
  EXPECT_EQ(why_not(spec), "two shadows are named \"s0\".");
  spec.shadows[1].name = "7";
  EXPECT_CONTAINS(why_not(spec), "shadow \"7\" has no fit name");
  spec.shadows.push_back({.name = "more", .model = "m"});
  EXPECT_EQ(why_not(spec), "wanted at most 4 shadows, found 5.");
}

TEST(routing_route, its_overrides_are_bounded_and_name_an_arm_that_is_there) {
  RouteSpec spec = halves();
  for (std::size_t i = 0; i < routing::kOverridesMax; ++i) {
    spec.overrides.push_back({.key = sha256(std::to_string(i)), .arm = 1});
  }
  EXPECT_EQ(why_not(spec), "");
  spec.overrides[5].arm = 2;
  EXPECT_EQ(why_not(spec), "an override names arm number 2, counted from 0, of 2.");
  spec.overrides[5] = spec.overrides[9999];
  EXPECT_EQ(why_not(spec), "two overrides are for the same key.");
  spec.overrides.push_back({.key = sha256("another"), .arm = 1});
  EXPECT_EQ(why_not(spec), "wanted at most 10000 overrides, found 10001.");
}

TEST(routing_route, its_holdout_is_at_most_all_keys) {
  RouteSpec spec = halves();
  spec.holdout.share_bp = 10'000;
  EXPECT_EQ(why_not(spec), "");
  spec.holdout.share_bp = 10'001;
  EXPECT_EQ(why_not(spec), "the holdout has 10001 basis points of keys; wanted at most 10000.");
}

TEST(routing_route, keys_that_sign_are_few_and_long) {
  RouteSpec spec = halves();
  spec.force_keys.assign(routing::kForceKeysMax, std::string(routing::kForceKeyBytesMin, 'k'));
  EXPECT_EQ(why_not(spec), "");
  spec.force_keys[3].pop_back();
  EXPECT_EQ(why_not(spec), "a key that signs forced arms has 15 bytes; wanted at least 16.");
  spec.force_keys.push_back("");
  EXPECT_EQ(why_not(spec), "wanted at most 8 keys that sign, found 9.");
}

}  // namespace penstock::testing
