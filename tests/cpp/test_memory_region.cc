// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>
#include <string>

#include "harness.h"
#include "memory/region.h"
#include "memory_doubles.h"
#include "wire_messages.h"

namespace penstock::testing {
namespace {

using base::Code;
using memory::Region;
using memory::RegionSpec;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

std::string why_not(RegionSpec spec) {
  const auto opened = Region::open(std::move(spec));
  return opened ? "" : std::string(name_of(opened.error().code)) + " " + opened.error().why;
}

std::string read(const Region& region, std::uint64_t offset, std::size_t count) {
  std::string got(count, '?');
  const auto done = region.read(offset, std::as_writable_bytes(std::span(got)));
  return done ? got : std::string(name_of(done.error().code)) + " " + done.error().why;
}

std::string write(const Region& region, std::uint64_t offset, std::string_view text) {
  const auto done = region.write(offset, std::as_bytes(std::span(text)));
  return done ? "" : std::string(name_of(done.error().code)) + " " + done.error().why;
}

}  // namespace

TEST(memory_region, it_is_read_and_written_where_it_was_registered) {
  ShmObject object("0123456789");
  const auto region = Region::open(object.spec("r", 2, 5));
  REQUIRE(region.has_value());
  EXPECT_EQ(read(**region, 0, 5), "23456");
  EXPECT_EQ(read(**region, 4, 1), "6");
  EXPECT_EQ(read(**region, 5, 0), "");
  EXPECT_EQ(write(**region, 1, "abc"), "");
  EXPECT_EQ(object.bytes(0, 20), "012abc6789");
}

TEST(memory_region, a_key_has_a_slash_before_it_or_none) {
  ShmObject object("ab");
  RegionSpec spec = object.spec("r", 0, 2);
  spec.key.erase(0, 1);
  EXPECT_EQ(why_not(spec), "");
}

TEST(memory_region, what_goes_beyond_its_object_is_refused_whatever_the_numbers) {
  ShmObject object(64);
  EXPECT_EQ(why_not(object.spec("r", 0, 64)), "");
  EXPECT_EQ(why_not(object.spec("r", 63, 1)), "");
  EXPECT_EQ(why_not(object.spec("r", 1, 64)),
            "INVALID_ARGUMENT failed to register shared memory region 'r': invalid args: offset 1 "
            "and byte_size 64 go beyond the 64 bytes of key '" +
                object.key() + "'");
  for (const auto& [offset, size] : {std::pair<std::uint64_t, std::uint64_t>{0, 65},
                                     {64, 1},
                                     {65, 1},
                                     {kMost, 1},
                                     {1, kMost},
                                     {kMost, kMost},
                                     {kMost - 62, 64},
                                     {std::uint64_t{1} << 63, std::uint64_t{1} << 63}}) {
    EXPECT_CONTAINS(why_not(object.spec("r", offset, size)), "invalid args");
  }
  EXPECT_CONTAINS(why_not(object.spec("r", 0, 0)), "its byte_size is 0; at least 1 is wanted");
}

TEST(memory_region, a_key_that_is_no_name_of_an_object_is_refused) {
  for (const std::string_view key :
       {std::string_view(""), std::string_view("/"), std::string_view("//a"),
        std::string_view("/a/b"), std::string_view("a/"), std::string_view(".."),
        std::string_view("/.."), std::string_view("/."), std::string_view("/../etc/passwd"),
        std::string_view("/a\0b", 4), std::string_view("/\0", 2)}) {
    EXPECT_CONTAINS(why_not({.name = "r", .key = std::string(key), .byte_size = 1}),
                    "INVALID_ARGUMENT failed to register shared memory region 'r': a key is");
  }
  EXPECT_CONTAINS(why_not({.name = "r", .key = "/\xff", .byte_size = 1}), "not valid UTF-8");
  const std::string longest(memory::kRegionKeyBytesMax, 'k');
  EXPECT_CONTAINS(why_not({.name = "r", .key = longest, .byte_size = 1}), "NOT_FOUND");
  EXPECT_CONTAINS(why_not({.name = "r", .key = longest + "k", .byte_size = 1}), "1 to 255 bytes");
}

TEST(memory_region, a_name_is_wanted_and_bounded) {
  ShmObject object(8);
  EXPECT_CONTAINS(why_not(object.spec("", 0, 8)), "it needs a name");
  const std::string longest(memory::kRegionNameBytesMax, 'n');
  EXPECT_EQ(why_not(object.spec(longest, 0, 8)), "");
  EXPECT_CONTAINS(why_not(object.spec(longest + "n", 0, 8)), "at most 1024 bytes, got 1025");
  EXPECT_CONTAINS(why_not(object.spec("\xff", 0, 8)), "its name is not valid UTF-8");
}

TEST(memory_region, reserved_keys_are_refused_with_and_without_a_slash) {
  for (const std::string key :
       {"triton_python_backend_shm_region_1", "/triton_python_backend_shm_region_1"}) {
    EXPECT_EQ(why_not({.name = "r", .key = key, .byte_size = 1}),
              "INVALID_ARGUMENT cannot register shared memory region 'r' with key '" + key +
                  "' as the key contains the reserved prefix 'triton_python_backend_shm_region_'");
  }
  EXPECT_CONTAINS(why_not({.name = "r", .key = "/sem.lock", .byte_size = 1}),
                  "reserved prefix 'sem.'");
}

TEST(memory_region, an_object_that_is_not_there_is_not_found) {
  EXPECT_EQ(why_not({.name = "r", .key = "/penstock-none", .byte_size = 1}),
            "NOT_FOUND Unable to open shared memory region: '/penstock-none': No such file or "
            "directory");
}

TEST(memory_region, links_pipes_and_folders_are_refused) {
  ShmObject object(8);
  const std::string link = fresh_key();
  REQUIRE(symlink(object.path().c_str(), ("/dev/shm" + link).c_str()) == 0);
  EXPECT_CONTAINS(why_not({.name = "r", .key = link, .byte_size = 8}), "INVALID_ARGUMENT");
  EXPECT_CONTAINS(why_not({.name = "r", .key = link, .byte_size = 8}), "symbolic links");
  unlink(("/dev/shm" + link).c_str());

  const std::string pipe = fresh_key();
  REQUIRE(mkfifo(("/dev/shm" + pipe).c_str(), 0600) == 0);
  EXPECT_CONTAINS(why_not({.name = "r", .key = pipe, .byte_size = 8}),
                  "names no shared memory object");
  unlink(("/dev/shm" + pipe).c_str());

  const std::string folder = fresh_key();
  REQUIRE(mkdir(("/dev/shm" + folder).c_str(), 0700) == 0);
  EXPECT_CONTAINS(why_not({.name = "r", .key = folder, .byte_size = 8}), "Is a directory");
  rmdir(("/dev/shm" + folder).c_str());
}

TEST(memory_region, an_object_that_was_unlinked_is_used_on) {
  ShmObject object("0123456789");
  const auto region = Region::open(object.spec("r", 0, 10));
  REQUIRE(region.has_value());
  object.unlink();
  EXPECT_EQ(read(**region, 0, 10), "0123456789");
  EXPECT_EQ(write(**region, 0, "x"), "");
  EXPECT_EQ(object.bytes(0, 2), "x1");
}

TEST(memory_region, an_object_that_was_cut_short_is_an_error_and_no_signal) {
  constexpr std::size_t kPage = 4096;
  ShmObject object(4 * kPage);
  const auto region = Region::open(object.spec("r", 0, 4 * kPage));
  REQUIRE(region.has_value());
  object.resize(kPage);
  EXPECT_EQ(read(**region, 0, kPage), std::string(kPage, '\0'));
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{kPage}}) {
    EXPECT_CONTAINS(read(**region, offset, 2 * kPage),
                    "FAILED_PRECONDITION shared memory region 'r': the object of key");
    EXPECT_CONTAINS(write(**region, offset, std::string(2 * kPage, 'x')),
                    "has become shorter than it was when the region was registered");
  }
  EXPECT_EQ(object.size(), kPage);  // and it was not made longer again
}

}  // namespace penstock::testing
