// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <string>

#include "golden/assignment.h"
#include "harness.h"
#include "routing/assignment.h"

namespace penstock::testing {
namespace {

using routing::bucket_of;
using routing::hash_key;
using routing::kBucketCount;

std::string letters(std::size_t count) {
  std::string key;
  for (std::size_t i = 0; i < count; ++i) key += static_cast<char>('a' + i % 26);
  return key;
}

}  // namespace

// So two replicas, two processes, the same one after a restart and a client in Python agree.
TEST(routing_assignment, a_key_has_the_bucket_that_python_reckons) {
  for (const golden::Assignment& wanted : golden::kAssignments) {
    const std::uint64_t hash = hash_key(wanted.salt, letters(wanted.key_bytes));
    EXPECT_EQ(hash, wanted.hash);
    EXPECT_EQ(bucket_of(hash), wanted.bucket);
  }
}

TEST(routing_assignment, buckets_are_equal_parts_of_all_hashes) {
  EXPECT_EQ(bucket_of(0), 0);
  EXPECT_EQ(bucket_of(std::numeric_limits<std::uint64_t>::max()), kBucketCount - 1);
  EXPECT_EQ(bucket_of(std::uint64_t{1} << 63), kBucketCount / 2);
  EXPECT_EQ(bucket_of((std::uint64_t{1} << 63) - 1), kBucketCount / 2 - 1);
}

// Every bucket begins where the whole number says that is not cut into halves.
TEST(routing_assignment, halves_reckon_what_128_bits_do) {
  __extension__ using Wide = unsigned __int128;
  for (std::uint32_t bucket = 1; bucket < kBucketCount; ++bucket) {
    const Wide begin = ((static_cast<Wide>(bucket) << 64) + kBucketCount - 1) / kBucketCount;
    const auto hash = static_cast<std::uint64_t>(begin);
    EXPECT_EQ(bucket_of(hash), bucket);
    EXPECT_EQ(bucket_of(hash - 1), bucket - 1);
  }
}

TEST(routing_assignment, a_key_may_hold_any_bytes) {
  EXPECT_NE(hash_key(1, std::string_view("a\0b", 3)), hash_key(1, std::string_view("a\0c", 3)));
  EXPECT_NE(hash_key(1, std::string_view("\0", 1)), hash_key(1, ""));
}

}  // namespace penstock::testing
