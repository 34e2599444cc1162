// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "model/shared_arena.h"

namespace penstock::model {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

std::size_t allocated_bytes(const SharedArena& arena) {
  struct stat file {};
  fstat(arena.fd(), &file);
  return static_cast<std::size_t>(file.st_blocks) * 512;
}

TEST(model_shared_arena, it_grows_and_keeps_what_is_there) {
  const auto arena = SharedArena::open(SharedArena::Access::kWrite, 8 * kMiB);
  REQUIRE(arena.has_value());
  (*arena)->bytes()[7] = std::byte{42};
  REQUIRE((*arena)->reserve(5 * kMiB).has_value());
  EXPECT_LE(5 * kMiB, (*arena)->bytes().size());
  EXPECT((*arena)->bytes()[7] == std::byte{42});
  EXPECT_LE(5 * kMiB, allocated_bytes(**arena));
}

TEST(model_shared_arena, beyond_its_bound_is_an_error_that_names_both) {
  const auto arena = SharedArena::open(SharedArena::Access::kWrite, 3 * kMiB);
  REQUIRE(arena.has_value());
  REQUIRE((*arena)->reserve(3 * kMiB).has_value());
  const auto refused = (*arena)->reserve(3 * kMiB + 1);
  REQUIRE(!refused.has_value());
  EXPECT(refused.error().code == base::Code::kResourceExhausted);
  EXPECT_CONTAINS(refused.error().why, "at most 3145728 bytes (penstock.shared_bytes_max)");
  EXPECT_CONTAINS(refused.error().why, "3145729 are needed");
}

TEST(model_shared_arena, nobody_can_cut_pages_from_under_a_reader) {
  const auto arena = SharedArena::open(SharedArena::Access::kRead, kMiB);
  REQUIRE(arena.has_value());
  EXPECT_EQ(ftruncate((*arena)->fd(), 4096), -1);
  EXPECT_EQ(fcntl((*arena)->fd(), F_ADD_SEALS, F_SEAL_GROW), -1);
}

TEST(model_shared_arena, it_follows_what_the_other_side_has_made_it_grow_to) {
  const auto arena = SharedArena::open(SharedArena::Access::kRead, 4 * kMiB);
  REQUIRE(arena.has_value());
  EXPECT(!(*arena)->follow(kMiB));  // it has not grown
  REQUIRE(ftruncate((*arena)->fd(), 2 * kMiB) == 0);
  EXPECT((*arena)->follow(kMiB));
  EXPECT_EQ((*arena)->bytes().size(), 2 * kMiB);
  REQUIRE(ftruncate((*arena)->fd(), 16 * kMiB) == 0);
  EXPECT((*arena)->follow(4 * kMiB));
  EXPECT(!(*arena)->follow(4 * kMiB + 1));  // beyond the bound
}

TEST(model_shared_arena, what_one_large_batch_needed_is_given_back) {
  constexpr std::size_t kLarge = 2 * SharedArena::kKeptBytes;
  const auto arena = SharedArena::open(SharedArena::Access::kWrite, kLarge);
  REQUIRE(arena.has_value());
  REQUIRE((*arena)->reserve(kLarge).has_value());
  (*arena)->trim(kMiB);
  EXPECT_LE(kLarge, allocated_bytes(**arena));
  (*arena)->trim(kLarge);
  EXPECT_LE(allocated_bytes(**arena), SharedArena::kKeptBytes + kMiB);
  REQUIRE((*arena)->reserve(kLarge).has_value());
  (*arena)->bytes()[kLarge - 1] = std::byte{1};
}

}  // namespace
}  // namespace penstock::model
