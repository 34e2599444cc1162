// SPDX-License-Identifier: Apache-2.0
#include "routing/picker.h"

#include <cstdint>

#include "base/sha256.h"

namespace penstock::routing {
namespace {

// Of 2^64 by the golden ratio: multiples of it are as far apart as can be.
constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;

// Every bit of the answer depends on every one of `bits`: how splitmix64 ends (Steele, Lea and
// Flood, 2014).
std::uint64_t mixed(std::uint64_t bits) {
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
  return bits ^ bits >> 31;
}

bool is_held_out(const Holdout& holdout, std::string_view key) {
  return holdout.share_bp > 0 && bucket_of(hash_key(holdout.salt, key)) < holdout.share_bp;
}

// The arm and the reason, before a cut.
Pick choose(const Route& route, const Asked& asked, std::uint64_t key_hash) {
  if (asked.forced) return {*asked.forced, Why::kForced, key_hash};
  if (asked.labelled) return {*asked.labelled, Why::kLabelled, key_hash};
  if (route.has_overrides()) {
    if (const auto arm = route.override_of(base::sha256(asked.key))) {
      return {*arm, Why::kOverride, key_hash};
    }
  }
  if (is_held_out(route.holdout(), asked.key)) return {route.fallback(), Why::kHoldout, key_hash};
  return {route.arm_at(bucket_of(key_hash)), Why::kAssigned, key_hash};
}

}  // namespace

Pick pick(const Route& route, const Asked& asked, bool is_cut) {
  Pick picked = choose(route, asked, hash_key(route.salt(), asked.key));
  if (is_cut && picked.arm == route.canary()) picked.arm = route.fallback();
  return picked;
}

bool is_mirrored(const Shadow& shadow, std::uint64_t key_hash, std::uint64_t nonce) {
  if (shadow.sample_bp >= kBucketCount) return true;
  return bucket_of(mixed(key_hash + shadow.salt + nonce * kOdd)) < shadow.sample_bp;
}

}  // namespace penstock::routing
