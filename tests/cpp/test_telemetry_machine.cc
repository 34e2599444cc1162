// SPDX-License-Identifier: Apache-2.0
#include "harness.h"
#include "telemetry/machine.h"

namespace penstock::telemetry {
namespace {

TEST(telemetry_machine, waiting_for_a_disk_is_not_being_busy) {
  const auto times =
      parse_cpu_times("cpu  10 20 30 400 5 6 7 8 100 200\ncpu0 1 2 3 4 5 6 7 8 9 0\n");
  REQUIRE(times.has_value());
  EXPECT_EQ(times->busy, 10 + 20 + 30 + 6 + 7 + 8);
  EXPECT_EQ(times->total, times->busy + 400 + 5);
}

TEST(telemetry_machine, what_is_not_as_the_manual_says_is_nothing) {
  for (const char* text :
       {"", "cpu", "cpu ", "cpu  1 2 3", "cpu0 1 2 3 4 5 6 7 8\n", "cpu  a b",
        "cpu  1 2 3 4 5 6 7\ncpu0 8", "cpu  1 2 3 4 5 6 7 99999999999999999999"}) {
    EXPECT(!parse_cpu_times(text).has_value());
  }
  for (const char* text :
       {"", "MemTotal: 5 kB\n", "MemAvailable: 5 kB\n", "MemTotal: many\nMemAvailable: 5 kB\n"}) {
    EXPECT(!parse_memory_sizes(text).has_value());
  }
}

TEST(telemetry_machine, memory_that_could_be_had_is_not_used) {
  const auto memory = parse_memory_sizes(
      "MemTotal:     1000 kB\nMemFree: 1 kB\nMemAvailable:  600 kB\nBuffers: 0 kB");
  EXPECT(memory == (MemorySizes{.total_bytes = 1'024'000, .used_bytes = 409'600}));
}

TEST(telemetry_machine, utilization_is_the_busy_share_of_the_time_between) {
  EXPECT_EQ(utilization({.busy = 10, .total = 100}, {.busy = 35, .total = 200}), 0.25);
  EXPECT_EQ(utilization({.busy = 10, .total = 100}, {.busy = 10, .total = 200}), 0.0);
  EXPECT(!utilization({.busy = 10, .total = 100}, {.busy = 10, .total = 100}).has_value());
  EXPECT(!utilization({.busy = 10, .total = 100}, {.busy = 9, .total = 101}).has_value());
}

}  // namespace
}  // namespace penstock::telemetry
