// SPDX-License-Identifier: Apache-2.0
#include "routing/picker.h"

#include <array>

#include "base/sha256.h"

namespace penstock::routing {
namespace {

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
  std::array<char, 16> bytes;
  for (unsigned byte = 0; byte < 8; ++byte) {
    bytes[byte] = static_cast<char>(key_hash >> (8 * byte));
    bytes[8 + byte] = static_cast<char>(nonce >> (8 * byte));
  }
  const std::string_view request(bytes.data(), bytes.size());
  return bucket_of(hash_key(shadow.salt, request)) < shadow.sample_bp;
}

}  // namespace penstock::routing
