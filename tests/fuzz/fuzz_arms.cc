// SPDX-License-Identifier: Apache-2.0
// Routes that somebody wrote: refused in a sentence, or every bucket and every key has its arm.
#include <string>
#include <vector>

#include "base/sha256.h"
#include "base/text.h"
#include "fuzz_input.h"
#include "routing/picker.h"

namespace penstock::fuzzing {
namespace {

using routing::kBucketCount;

// Mostly a fit name.
std::string name(Input& input) {
  const std::size_t length = input.below(8);
  return length < 7 ? std::string(1 + length, static_cast<char>('a' + input.below(3)))
                    : std::string(input.bytes(input.below(80)));
}

routing::RouteSpec spec(Input& input) {
  routing::RouteSpec spec;
  spec.name = input.below(16) == 0 ? name(input) : "m";
  spec.salt = input.u32();
  const std::size_t arms = input.below(20);
  for (std::size_t i = 0; i < arms; ++i) {
    const std::string own = input.below(16) == 0 ? name(input) : "arm" + std::to_string(i);
    spec.arms.push_back({.name = own,
                         .model = input.below(16) == 0 ? "" : "m",
                         .version = input.below(16) == 0 ? name(input) : "1",
                         .role = static_cast<routing::Role>(input.below(routing::kRoleCount)),
                         .intervals = {}});
  }
  // Pieces of all buckets in a row, the last one to the end; now and then one goes astray.
  std::uint32_t begin = 0;
  const std::size_t pieces = arms == 0 ? 0 : input.below(64);
  for (std::size_t i = 0; i < pieces; ++i) {
    const std::uint32_t end = i + 1 == pieces ? kBucketCount : begin + input.u16() % 400;
    const std::uint32_t stray = input.below(64) == 0 ? input.u16() : 0;
    spec.arms[input.below(arms)].intervals.push_back({begin + stray, end});
    begin = end;
  }
  const std::size_t overrides = input.below(4);
  for (std::size_t i = 0; i < overrides; ++i) {
    spec.overrides.push_back(
        {.key = base::sha256(name(input)), .arm = static_cast<std::uint32_t>(input.below(20))});
  }
  spec.holdout = {.share_bp = input.u16() % 11'000U, .salt = input.u8()};
  return spec;
}

void check_pick(const routing::Route& route, std::string_view key, Input& input) {
  routing::Asked asked{.key = key};
  const auto arms = route.arms().size();
  if (input.below(4) == 0) asked.forced = static_cast<std::uint32_t>(input.below(arms));
  if (input.below(4) == 0) asked.labelled = static_cast<std::uint32_t>(input.below(arms));
  const routing::Pick before = routing::pick(route, asked, false);
  const routing::Pick after = routing::pick(route, asked, true);
  PENSTOCK_CHECK(before.arm < arms && after.arm < arms);
  PENSTOCK_CHECK(after.why == before.why && after.key_hash == before.key_hash);
  PENSTOCK_CHECK(!route.canary() || after.arm != *route.canary());
  PENSTOCK_CHECK(after.arm == before.arm || after.arm == route.fallback());
}

void run(Input input) {
  const routing::RouteSpec wanted = spec(input);
  const auto route = routing::Route::make(wanted);
  if (!route) {
    PENSTOCK_CHECK(route.error().code == base::Code::kInvalidArgument);
    PENSTOCK_CHECK(base::is_utf8(route.error().why) && route.error().why.ends_with('.'));
    return;
  }
  std::vector<std::uint32_t> shares(wanted.arms.size());
  for (std::uint32_t bucket = 0; bucket < kBucketCount; ++bucket) ++shares[route->arm_at(bucket)];
  for (std::size_t arm = 0; arm < shares.size(); ++arm) {
    PENSTOCK_CHECK(route->share_bp(arm) == shares[arm]);
    for (const routing::Interval& interval : wanted.arms[arm].intervals) {
      PENSTOCK_CHECK(route->arm_at(interval.begin) == arm);
      PENSTOCK_CHECK(route->arm_at(interval.end - 1) == arm);
    }
  }
  for (int i = 0; i < 4; ++i) check_pick(*route, input.bytes(input.below(40)), input);
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::run({bytes, size});
  return 0;
}
