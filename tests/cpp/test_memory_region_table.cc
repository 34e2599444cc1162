// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>

#include <atomic>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "harness.h"
#include "memory/region_table.h"
#include "memory_doubles.h"

namespace penstock::testing {
namespace {

using base::Code;
using memory::RegionPart;
using memory::RegionTable;

template <class T>
std::string why(const base::Result<T>& result) {
  return result ? "" : std::string(name_of(result.error().code)) + " " + result.error().why;
}

char first_byte(const RegionPart& part) {
  std::byte byte{};
  return part.region->read(part.offset, {&byte, 1}) ? static_cast<char>(byte) : '?';
}

std::size_t open_files() {
  std::size_t count = 0;
  DIR* const folder = opendir("/proc/self/fd");
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

}  // namespace

TEST(memory_region_table, a_name_stands_for_one_region_until_it_is_unregistered) {
  ShmObject object(16);
  RegionTable table(8);
  EXPECT_EQ(why(table.add(object.spec("a", 0, 16))), "");
  EXPECT_EQ(why(table.add(object.spec("a", 0, 8))),
            "ALREADY_EXISTS shared memory region 'a' already in manager; unregister it first");
  EXPECT_EQ(why(table.add(object.spec("b", 8, 8))), "");  // the same object under another name
  table.remove("a");
  EXPECT_EQ(why(table.find("a", 0, 1)), "NOT_FOUND Unable to find shared memory region: 'a'");
  EXPECT_EQ(why(table.add(object.spec("a", 0, 8))), "");
  table.remove("nobody");
}

TEST(memory_region_table, it_tells_what_is_registered) {
  ShmObject object(16);
  RegionTable table(8);
  EXPECT(table.list("")->empty());
  REQUIRE(table.add(object.spec("b", 0, 16)).has_value());
  REQUIRE(table.add(object.spec("a", 8, 4)).has_value());
  EXPECT(*table.list("") ==
         std::vector<memory::RegionSpec>({object.spec("a", 8, 4), object.spec("b", 0, 16)}));
  EXPECT(*table.list("b") == std::vector<memory::RegionSpec>({object.spec("b", 0, 16)}));
  EXPECT_EQ(why(table.list("c")), "NOT_FOUND Unable to find system shared memory region: 'c'");
  table.remove_all();
  EXPECT(table.list("")->empty());
}

TEST(memory_region_table, a_part_beyond_its_region_is_refused_whatever_the_numbers) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  ShmObject object(64);
  RegionTable table(8);
  REQUIRE(table.add(object.spec("r", 16, 32)).has_value());
  EXPECT_EQ(why(table.find("r", 0, 32)), "");
  EXPECT_EQ(why(table.find("r", 32, 0)), "");
  EXPECT_EQ(why(table.find("r", 1, 32)),
            "INVALID_ARGUMENT Invalid offset + byte size for shared memory region: 'r': it has 32 "
            "bytes, offset 1 and byte size 32 go beyond them");
  for (const auto& [offset, size] : {std::pair<std::uint64_t, std::uint64_t>{0, 33},
                                     {33, 0},
                                     {kMost, 1},
                                     {1, kMost},
                                     {kMost, kMost},
                                     {kMost - 30, 32}}) {
    EXPECT_CONTAINS(why(table.find("r", offset, size)), "Invalid offset + byte size");
  }
}

TEST(memory_region_table, there_are_no_more_regions_than_its_bound) {
  ShmObject object(8);
  RegionTable table(2);
  REQUIRE(table.add(object.spec("a", 0, 8)).has_value());
  REQUIRE(table.add(object.spec("b", 0, 8)).has_value());
  EXPECT_EQ(why(table.add(object.spec("c", 0, 8))),
            "RESOURCE_EXHAUSTED failed to register shared memory region 'c': 2 regions are "
            "registered, as many as may be (--client-shm-regions-max)");
  table.remove("a");
  EXPECT_EQ(why(table.add(object.spec("c", 0, 8))), "");
}

TEST(memory_region_table, who_found_a_region_keeps_it_and_nobody_else_does) {
  ShmObject before("before");
  ShmObject after("after!");
  RegionTable table(8);
  const std::size_t files = open_files();
  REQUIRE(table.add(before.spec("r", 0, 6)).has_value());
  {
    const auto held = table.find("r", 0, 6);
    REQUIRE(held.has_value());
    table.remove("r");
    REQUIRE(table.add(after.spec("r", 0, 6)).has_value());
    EXPECT_EQ(first_byte(*held), 'b');
    EXPECT_EQ(first_byte(*table.find("r", 0, 6)), 'a');
    EXPECT_EQ(open_files(), files + 2);
  }
  EXPECT_EQ(open_files(), files + 1);
  table.remove_all();
  EXPECT_EQ(open_files(), files);
}

TEST(memory_region_table, a_hundred_thousand_registrations_leave_nothing_behind) {
  ShmObject object(8);
  RegionTable table(64);
  const std::size_t files = open_files();
  std::size_t refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (!table.add(object.spec("r" + std::to_string(i), 0, 8))) ++refused;
    if (i % 100 == 99) table.remove_all();
  }
  EXPECT_EQ(refused, 36'000);
  EXPECT_EQ(open_files(), files);
}

TEST(memory_region_table, a_region_that_is_swapped_under_its_users_is_always_one_or_the_other) {
  ShmObject one("1");
  ShmObject two("2");
  RegionTable table(8);
  REQUIRE(table.add(one.spec("r", 0, 1)).has_value());
  std::atomic<int> strangers = 0;
  std::atomic<bool> is_over = false;
  std::vector<std::thread> users;
  for (int i = 0; i < 2; ++i) {
    users.emplace_back([&] {
      for (int use = 0; use < 5'000; ++use) {
        const auto part = table.find("r", 0, 1);
        if (!part) continue;  // between the one and the other
        const char byte = first_byte(*part);
        if (byte != '1' && byte != '2') ++strangers;
      }
      is_over = true;
    });
  }
  for (bool is_one = false; !is_over; is_one = !is_one) {
    table.remove("r");
    PENSTOCK_CHECK(table.add((is_one ? one : two).spec("r", 0, 1)).has_value());
  }
  for (std::thread& user : users) user.join();
  EXPECT_EQ(strangers.load(), 0);
}

}  // namespace penstock::testing
