// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "batching_doubles.h"
#include "harness.h"
#include "judging/columns.h"
#include "judging/slices.h"

namespace penstock::testing {
namespace {

using judging::Slice;
using judging::Slices;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kAll = 10'000;

// Rows of two columns: 0, 1, 2, ... 99 over and over, and 0 or 1.
void add_rows(Slices& slices, std::size_t count, auto agrees) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::array<double, 2> row = {static_cast<double>(i % 100), static_cast<double>(i % 2)};
    slices.add(row, agrees(row));
  }
}

}  // namespace

TEST(judging_slices, nothing_is_told_before_the_bins_are_made) {
  Slices slices(2);
  add_rows(slices, judging::kSliceRowsLearnt - 1, [](const auto&) { return false; });
  EXPECT(slices.worst(kAll).empty());
  add_rows(slices, 1, [](const auto&) { return false; });
  EXPECT(!slices.worst(kAll).empty());
}

TEST(judging_slices, every_row_is_in_one_bin_of_each_column_those_that_made_the_bins_too) {
  Slices slices(2);
  add_rows(slices, 3000, [](const auto&) { return false; });
  std::array<std::uint64_t, 2> rows{};
  std::array<std::size_t, 2> bins{};
  for (const Slice& slice : slices.worst(kAll)) {
    rows[slice.column] += slice.rows;
    ++bins[slice.column];
    EXPECT(slice.low < slice.high);
  }
  EXPECT_EQ(rows[0], 3000);
  EXPECT_EQ(rows[1], 3000);
  EXPECT_EQ(bins[0], judging::kSliceBinsMax);
  EXPECT_EQ(bins[1], 2);  // as many as it has values
}

TEST(judging_slices, the_slice_in_which_answers_differ_is_the_worst) {
  Slices slices(2);
  add_rows(slices, 5000, [](const auto& row) { return row[0] < 90; });
  const auto worst = slices.worst(3);
  REQUIRE(worst.size() == 3);
  EXPECT_EQ(worst[0].column, 0);
  EXPECT(worst[0].low > 85 && worst[0].low <= 90);
  EXPECT(std::isinf(worst[0].high));
  EXPECT(worst[0].disagreement_min > 0.8);
  EXPECT_EQ(worst[1].column, 1);
  EXPECT(worst[1].disagreement_min < 0.15);
}

TEST(judging_slices, a_few_rows_that_disagree_are_less_sure_than_many) {
  EXPECT(judging::wilson_lower(2, 2, 3.0) < judging::wilson_lower(60, 100, 3.0));
  EXPECT_EQ(judging::wilson_lower(0, 0, 3.0), 0.0);
  EXPECT(judging::wilson_lower(0, 50, 3.0) < 1e-12);
  // (p + z^2/2n - z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) of 5 in 10 at 1.96.
  EXPECT(std::abs(judging::wilson_lower(5, 10, 1.96) - 0.2365896) < 1e-6);
}

TEST(judging_slices, missing_values_are_a_slice_of_their_own) {
  Slices slices(1);
  for (int i = 0; i < 1000; ++i) {
    const std::array<double, 1> row = {i % 4 == 0 ? kNaN : 1.0};
    slices.add(row, !std::isnan(row[0]));
  }
  const auto worst = slices.worst(kAll);
  REQUIRE(worst.size() == 1);
  EXPECT(worst[0].is_missing);
  EXPECT_EQ(worst[0].rows, 250);
  EXPECT_EQ(worst[0].agreed, 0);
}

TEST(judging_slices, a_column_of_one_value_or_of_none_has_one_bin) {
  Slices slices(2);
  for (int i = 0; i < 600; ++i) slices.add(std::array<double, 2>{7.0, kNaN}, false);
  const auto worst = slices.worst(kAll);
  REQUIRE(worst.size() == 2);
  EXPECT_EQ(worst[0].rows, 600);
  EXPECT_EQ(worst[1].rows, 600);
}

TEST(judging_slices, columns_beyond_the_bound_are_not_looked_at) {
  Slices slices(judging::kSliceColumnsMax + 6);
  EXPECT_EQ(slices.columns(), judging::kSliceColumnsMax);
  const std::vector<double> row(judging::kSliceColumnsMax + 6, 1.0);
  for (std::size_t i = 0; i < judging::kSliceRowsLearnt; ++i) slices.add(row, false);
  EXPECT_EQ(slices.worst(kAll).size(), judging::kSliceColumnsMax);
}

TEST(judging_columns, every_numeric_datatype_is_read_by_its_value) {
  const auto read = [](const base::Tensor& tensor) {
    std::array<double, 2> values{};
    judging::read_columns(tensor, 2, 1, 1, values);
    return values;
  };
  const auto expect = [&](const base::Tensor& tensor, double first, double second) {
    EXPECT_EQ(judging::columns_of(tensor, 2), 1);
    const auto values = read(tensor);
    EXPECT_EQ(values[0], first);
    EXPECT_EQ(values[1], second);
  };
  using base::DType;
  expect(tensor_of<std::uint8_t>(DType::kBool, {2, 1}, {0, 1}), 0, 1);
  expect(tensor_of<std::uint8_t>(DType::kUint8, {2, 1}, {3, 255}), 3, 255);
  expect(tensor_of<std::uint16_t>(DType::kUint16, {2, 1}, {3, 65535}), 3, 65535);
  expect(tensor_of<std::uint32_t>(DType::kUint32, {2, 1}, {3, 4294967295U}), 3, 4294967295.0);
  expect(tensor_of<std::uint64_t>(DType::kUint64, {2, 1}, {3, 1ULL << 60}), 3, 0x1p60);
  expect(tensor_of<std::int8_t>(DType::kInt8, {2, 1}, {-3, 127}), -3, 127);
  expect(tensor_of<std::int16_t>(DType::kInt16, {2, 1}, {-3, 127}), -3, 127);
  expect(tensor_of<std::int32_t>(DType::kInt32, {2}, {-3, 127}), -3, 127);
  expect(tensor_of<std::int64_t>(DType::kInt64, {2, 1, 1}, {-3, 127}), -3, 127);
  expect(tensor_of<std::uint16_t>(DType::kFp16, {2, 1}, {0x3c00, 0xc000}), 1, -2);
  expect(tensor_of<std::uint16_t>(DType::kBf16, {2, 1}, {0x3f80, 0xc000}), 1, -2);
  expect(floats({2, 1}, {1.5F, -2}), 1.5, -2);
  expect(tensor_of<double>(DType::kFp64, {2, 1}, {1.5, -2}), 1.5, -2);
}

TEST(judging_columns, texts_absent_inputs_and_uneven_ones_have_no_columns) {
  EXPECT_EQ(judging::columns_of(texts({2, 1}, {"a", "b"}), 2), 0);
  base::Tensor absent = floats({2, 1}, {1, 2});
  absent.is_present = false;
  EXPECT_EQ(judging::columns_of(absent, 2), 0);
  EXPECT_EQ(judging::columns_of(floats({3}, {1, 2, 3}), 2), 0);
  EXPECT_EQ(judging::columns_of(floats({2, 3}, {1, 2, 3, 4, 5, 6}), 2), 3);
  EXPECT_EQ(judging::columns_of(floats({2, 3}, {1, 2, 3, 4, 5, 6}), 1), 6);
}

TEST(judging_columns, rows_are_laid_out_with_a_stride) {
  std::vector<double> values(2 * 5, -1.0);
  judging::read_columns(floats({2, 3}, {1, 2, 3, 4, 5, 6}), 2, 2, 5, std::span(values).subspan(1));
  EXPECT(values == (std::vector<double>{-1, 1, 2, -1, -1, -1, 4, 5, -1, -1}));
}

}  // namespace penstock::testing
