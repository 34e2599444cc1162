// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <random>
#include <vector>

#include "harness.h"
#include "serving/call.h"
#include "serving/call_table.h"

namespace penstock::testing {
namespace {

using serving::Call;
using serving::CallTable;

// Random streams come and go, held against std::map.
void compare_with_a_map(unsigned seed, std::int32_t ids, std::int32_t spread) {
  std::minstd_rand random(seed);
  std::vector<Call> calls(static_cast<std::size_t>(ids));
  std::map<std::int32_t, Call*> wanted;
  CallTable table;
  for (int step = 0; step < 4000; ++step) {
    const auto pick = static_cast<std::int32_t>(random() % calls.size());
    const std::int32_t stream_id = pick * spread + 1;
    Call& call = calls[static_cast<std::size_t>(pick)];
    if (random() % 2 == 0) {
      if (wanted.emplace(stream_id, &call).second) table.insert(stream_id, &call);
    } else {
      const auto found = wanted.find(stream_id);
      REQUIRE(table.remove(stream_id) == (found == wanted.end() ? nullptr : found->second));
      if (found != wanted.end()) wanted.erase(found);
    }
    REQUIRE(table.size() == wanted.size());
    for (std::int32_t i = 0; i < ids; ++i) {
      const auto found = wanted.find(i * spread + 1);
      REQUIRE(table.find(i * spread + 1) == (found == wanted.end() ? nullptr : found->second));
    }
  }
  std::size_t visited = 0;
  table.for_each([&](Call& call) {
    ++visited;
    const auto index = static_cast<std::int32_t>(&call - calls.data());
    EXPECT(wanted.contains(index * spread + 1));
  });
  EXPECT_EQ(visited, wanted.size());
}

}  // namespace

TEST(serving_call_table, an_empty_table_finds_and_removes_nothing) {
  CallTable table;
  EXPECT(table.find(1) == nullptr);
  EXPECT(table.remove(1) == nullptr);
  EXPECT_EQ(table.size(), 0);
  table.for_each([](Call&) { fail(__FILE__, __LINE__, "there is a call"); });
}

TEST(serving_call_table, it_is_a_map_whatever_comes_and_goes) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    compare_with_a_map(seed, 5, 2);
    compare_with_a_map(seed, 60, 2);
    compare_with_a_map(seed, 40, 16);    // every stream has the same home in a small table
    compare_with_a_map(seed, 20, 1024);  // and in a large one
  }
}

TEST(serving_call_table, streams_may_come_in_order_for_ever) {
  std::vector<Call> calls(8);
  CallTable table;
  for (std::int32_t i = 0; i < 100'000; ++i) {
    if (i >= 8) REQUIRE(table.remove((i - 8) * 2 + 1) == &calls[static_cast<std::size_t>(i % 8)]);
    table.insert(i * 2 + 1, &calls[static_cast<std::size_t>(i % 8)]);
    REQUIRE(table.find(i * 2 + 1) != nullptr);
  }
  EXPECT_EQ(table.size(), 8);
}

TEST(serving_call_table, the_highest_stream_id_is_one_like_others) {
  Call call;
  CallTable table;
  table.insert(0x7fffffff, &call);
  EXPECT(table.find(0x7fffffff) == &call);
  EXPECT(table.find(1) == nullptr);
  EXPECT(table.remove(0x7fffffff) == &call);
}

}  // namespace penstock::testing
