// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::routing {

// Shares of traffic are whole basis points, and so are buckets: a key falls into one of them, and
// an arm of 250 bp has 250.
inline constexpr std::uint32_t kBucketCount = 10'000;

// XXH3's 64 bits of the key with the salt as seed. The same on every machine and in every language:
// replicas agree on a key's arm without speaking to each other.
std::uint64_t hash_key(std::uint64_t salt, std::string_view key);

// The whole part of hash x kBucketCount / 2^64: in [0, kBucketCount), each as likely as another up
// to 2^-50. Reckoned in halves, for ISO C++ has no 128 bits.
constexpr std::uint32_t bucket_of(std::uint64_t hash) {
  const std::uint64_t low = (hash & 0xffffffff) * kBucketCount >> 32;
  return static_cast<std::uint32_t>(((hash >> 32) * kBucketCount + low) >> 32);
}

}  // namespace penstock::routing
