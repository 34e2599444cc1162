// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "harness.h"
#include "telemetry/batch_sizes.h"

namespace penstock::telemetry {
namespace {

BatchSizeTable table_of(const BatchSizes& sizes) {
  BatchSizeTable table;
  sizes.add_to(table);
  return table;
}

TEST(telemetry_batch_sizes, executions_are_counted_by_their_exact_size) {
  BatchSizes sizes(8);
  sizes.record({.rows = 3, .compute_input_ns = 1, .compute_infer_ns = 20, .compute_output_ns = 4});
  sizes.record({.rows = 3, .compute_input_ns = 2, .compute_infer_ns = 30, .compute_output_ns = 5});
  sizes.record({.rows = 8, .compute_input_ns = 7, .compute_infer_ns = 90, .compute_output_ns = -1});
  const BatchSizeTable expected = {{3, {2, 3, 50, 9}}, {8, {1, 7, 90, 0}}};
  EXPECT(table_of(sizes) == expected);
}

TEST(telemetry_batch_sizes, every_size_that_a_model_takes_has_a_place_of_its_own) {
  for (const std::uint64_t rows_max : {1U, 2U, 7U, 64U, 1024U}) {
    BatchSizes sizes(static_cast<std::int64_t>(rows_max));
    for (std::uint64_t rows = rows_max; rows > 0; --rows) sizes.record({.rows = rows});
    const BatchSizeTable table = table_of(sizes);
    EXPECT_EQ(table.size(), rows_max);
    for (const auto& [rows, counts] : table) EXPECT_EQ(counts.count, 1);
  }
}

TEST(telemetry_batch_sizes, a_model_without_a_batch_dimension_has_batches_of_one) {
  BatchSizes sizes(0);
  sizes.record({.rows = 1});
  sizes.record({.rows = 0});
  const BatchSizeTable expected = {{1, {2, 0, 0, 0}}};
  EXPECT(table_of(sizes) == expected);
}

TEST(telemetry_batch_sizes, sizes_beyond_the_bound_are_counted_together) {
  BatchSizes sizes(1'000'000);
  EXPECT_EQ(sizes.slots(), kBatchSizesMax);
  // Numbers that ask for the same slot, and more of them than there are slots.
  for (std::uint64_t i = 1; i <= kBatchSizesMax + 5; ++i) {
    sizes.record({.rows = i * kBatchSizesMax, .compute_infer_ns = 10});
  }
  sizes.record({.rows = kBatchSizesMax});
  const BatchSizeTable table = table_of(sizes);
  EXPECT_EQ(table.size(), kBatchSizesMax + 1);
  EXPECT_EQ(table.at(kBatchSizesMax).count, 2);
  EXPECT_EQ(table.at(kOtherBatchSizes).count, 5);
  EXPECT_EQ(table.at(kOtherBatchSizes).compute_infer_ns, 50);
}

TEST(telemetry_batch_sizes, it_does_what_a_map_does) {
  BatchSizes sizes(5000);
  BatchSizeTable expected;
  std::uint64_t state = 1;
  for (int i = 0; i < 20'000; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const std::uint64_t rows = 1 + (state >> 33) % 900 * 5;
    sizes.record({.rows = rows, .compute_input_ns = i, .compute_infer_ns = 2 * i});
    expected[rows] += {1, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(2 * i), 0};
  }
  EXPECT(table_of(sizes) == expected);
}

}  // namespace
}  // namespace penstock::telemetry
