// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/narrow_float.h"
#include "drift/accumulator.h"
#include "drift/projection.h"
#include "drift_rows.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using base::DType;
using drift::Accumulator;
using drift::Counts;
using drift::Reading;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

base::Signature signature_of(std::vector<base::TensorSpec> inputs,
                             std::vector<base::TensorSpec> outputs = {}) {
  return {.inputs = std::move(inputs), .outputs = std::move(outputs), .batch_rows_max = 1024};
}

std::size_t plain_place(float value, const std::vector<float>& edges) {
  if (std::isnan(value)) return edges.size() + 1;
  if (std::isinf(value)) return edges.size() + 2;
  return static_cast<std::size_t>(std::ranges::upper_bound(edges, value) - edges.begin());
}

std::uint64_t sum_of(const std::vector<std::uint32_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

// One column of numbers of `dtype`, held against what `values` say.
template <class T>
void expect_places(DType dtype, const std::vector<T>& values, const std::vector<float>& floats) {
  const std::vector<float> edges = {-1, 0, 1, 100};
  const auto plan = plan_of({column("x", Reading::kNumber, 0, edges)},
                            signature_of({{.name = "x", .dtype = dtype, .dims = {1}}}));
  Accumulator accumulator(plan, 1);
  std::vector<std::uint32_t> wanted(edges.size() + 3);
  SentRows sent(static_cast<std::uint32_t>(values.size()));
  sent.add(raw(values));
  accumulator.add(sent.rows());
  for (const float value : floats) ++wanted[plain_place(value, edges)];
  EXPECT_EQ(accumulator.take(true).shown, wanted);
}

}  // namespace

TEST(drift_accumulator, reads_numbers_of_every_datatype) {
  const std::vector<float> plain = {-2, -1, 0, 1, 99, 100, 127};
  const auto as = [&]<class T>(T) { return std::vector<T>(plain.begin(), plain.end()); };
  expect_places(DType::kFp32, plain, plain);
  expect_places(DType::kFp64, as(double{}), plain);
  expect_places(DType::kInt8, as(std::int8_t{}), plain);
  expect_places(DType::kInt16, as(std::int16_t{}), plain);
  expect_places(DType::kInt32, as(std::int32_t{}), plain);
  expect_places(DType::kInt64, as(std::int64_t{}), plain);
  const std::vector<float> whole = {0, 1, 99, 100, 255};
  expect_places(DType::kUint8, std::vector<std::uint8_t>{0, 1, 99, 100, 255}, whole);
  expect_places(DType::kUint16, std::vector<std::uint16_t>{0, 1, 99, 100, 255}, whole);
  expect_places(DType::kUint32, std::vector<std::uint32_t>{0, 1, 99, 100, 255}, whole);
  expect_places(DType::kUint64, std::vector<std::uint64_t>{0, 1, 99, 100, UINT64_MAX},
                {0, 1, 99, 100, 1e19F});
  expect_places(DType::kBool, std::vector<std::uint8_t>{0, 1, 1}, {0, 1, 1});
  std::vector<std::uint16_t> half;
  std::vector<std::uint16_t> brain;
  for (const float value : {-2.0F, 0.5F, kNan, kInfinity}) {
    half.push_back(base::fp16_of(value));
    brain.push_back(base::bf16_of(value));
  }
  expect_places(DType::kFp16, half, {-2, 0.5F, kNan, kInfinity});
  expect_places(DType::kBf16, brain, {-2, 0.5F, kNan, kInfinity});
  expect_places(DType::kFp64, std::vector<double>{1e300, -1e300, 0}, {kInfinity, -kInfinity, 0});
}

TEST(drift_accumulator, counts_what_a_plain_recount_does_however_rows_are_cut) {
  std::mt19937 random(17);
  std::normal_distribution<float> normal;
  constexpr std::size_t kWidth = 9;
  std::vector<drift::ColumnSpec> columns;
  for (std::size_t i = 0; i < kWidth; ++i) {
    std::vector<float> edges;
    for (int j = 0; j < 20; ++j) edges.push_back(0.1F * static_cast<float>(j - 10));
    columns.push_back(column("x", Reading::kNumber, i, edges));
    columns.back().minimum = -1.5;
    columns.back().maximum = 1.5;
    columns.back().shift = 0.25;
  }
  const auto plan =
      plan_of(columns, signature_of({{.name = "x", .dtype = DType::kFp32, .dims = {3, 3}}}));
  Accumulator accumulator(plan, 1);
  std::vector<std::uint32_t> shown(plan.places);
  std::vector<std::array<std::uint32_t, 2>> outside(kWidth);
  std::vector<double> sums(kWidth);
  std::uint64_t rows = 0;
  std::uint64_t requests = 0;
  for (; requests < 500; ++requests) {
    const auto count = static_cast<std::uint32_t>(1 + random() % (requests % 50 == 0 ? 300 : 3));
    std::vector<float> values(count * kWidth);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float value = values[i] = random() % 20 == 0 ? kNan : normal(random);
      const std::size_t at = i % kWidth;
      ++shown[plan.columns[at].first_place + plain_place(value, columns[at].edges)];
      if (std::isnan(value)) continue;
      outside[at][0] += value < -1.5F ? 1 : 0;
      outside[at][1] += value > 1.5F ? 1 : 0;
      sums[at] += static_cast<double>(value) - 0.25;
    }
    rows += count;
    SentRows sent(count);
    sent.add(raw(values));
    accumulator.add(sent.rows());
    accumulator.flush();  // the bytes go
  }
  const Counts counts = accumulator.take(false);
  EXPECT_EQ(counts.shown, shown);
  EXPECT(counts.outside == outside);
  for (std::size_t i = 0; i < kWidth; ++i) {
    EXPECT(std::abs(counts.moments[i][0] - sums[i]) < 1e-9);
  }
  EXPECT_EQ(counts.rows, rows);
  EXPECT_EQ(counts.requests, requests);
  EXPECT_EQ(counts.tested_rows, requests);
  EXPECT_EQ(sum_of(counts.tested), requests * kWidth);
  const Counts none = accumulator.take(false);
  EXPECT_EQ(sum_of(none.shown), 0);
  EXPECT_EQ(none.moments[0][2], static_cast<double>(kInfinity));
}

TEST(drift_accumulator, tests_one_row_of_a_request_drawn_evenly) {
  const auto plan = plan_of({column("x", Reading::kNumber, 0, {0.5F, 1.5F, 2.5F})},
                            signature_of({{.name = "x", .dtype = DType::kFp32, .dims = {1}}}));
  Accumulator accumulator(plan, 9);
  for (int i = 0; i < 8000; ++i) {
    SentRows sent(4);
    sent.add(raw(std::vector<float>{0, 1, 2, 3}));
    accumulator.add(sent.rows());
    accumulator.flush();
  }
  const Counts counts = accumulator.take(false);
  EXPECT_EQ(counts.tested_rows, 8000);
  EXPECT_EQ(sum_of(counts.tested), 8000);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT(counts.tested[i] > 1800 && counts.tested[i] < 2200);
    EXPECT_EQ(counts.shown[i], 8000);
  }
}

TEST(drift_accumulator, a_sticky_key_shows_ten_rows_and_tests_one_until_the_tick_ends) {
  const auto plan = plan_of({column("x", Reading::kNumber)},
                            signature_of({{.name = "x", .dtype = DType::kFp32, .dims = {1}}}));
  Accumulator accumulator(plan, 9);
  const auto send = [&](std::uint64_t key, std::uint32_t rows) {
    SentRows sent(rows);
    sent.add(raw(std::vector<float>(rows, 1.0F))).key(key);
    accumulator.add(sent.rows());
    accumulator.flush();
  };
  send(7, 4);
  send(7, 4);
  send(7, 4);
  send(8, 1);
  Counts counts = accumulator.take(false);
  EXPECT_EQ(counts.rows, 11);
  EXPECT_EQ(counts.capped_rows, 2);
  EXPECT_EQ(counts.tested_rows, 2);
  EXPECT_EQ(counts.requests, 4);
  send(7, 4);
  counts = accumulator.take(true);
  EXPECT_EQ(counts.rows, 0);
  EXPECT_EQ(counts.capped_rows, 4);
  send(7, 4);
  counts = accumulator.take(true);
  EXPECT_EQ(counts.rows, 4);
  EXPECT_EQ(counts.tested_rows, 1);
}

TEST(drift_accumulator, reads_texts_as_categories_lengths_and_presence) {
  auto words = column("t", Reading::kCategory, 0);
  words.categories = std::vector<std::string>{"red", "green"};
  const auto plan =
      plan_of({words, column("t", Reading::kLength, 1, {2.5F}), column("t", Reading::kPresent, 1)},
              signature_of({{.name = "t", .dtype = DType::kBytes, .dims = {2}}}));
  Accumulator accumulator(plan, 1);
  SentRows sent(4);
  sent.add(raw_texts({"green", "abc", "", "", "blue", "ab", "red", std::string(300, 'x')}));
  accumulator.add(sent.rows());
  const Counts counts = accumulator.take(true);
  EXPECT_EQ(counts.shown, (std::vector<std::uint32_t>{1, 1, 1, 1, 2, 2, 0, 0, 3, 1}));
  EXPECT_EQ(counts.moments[1][3], 300.0);
}

TEST(drift_accumulator, reads_integers_as_categories) {
  auto codes = column("c", Reading::kCategory, 0);
  codes.categories = std::vector<std::int64_t>{-5, 3};
  const auto plan = plan_of(
      {codes},
      signature_of({{.name = "c", .dtype = DType::kInt16, .dims = {1}, .is_optional = true}}));
  Accumulator accumulator(plan, 1);
  SentRows sent(4);
  sent.add(raw(std::vector<std::int16_t>{-5, 3, 3, 9}));
  accumulator.add(sent.rows());
  SentRows none(2);
  none.left_out();
  accumulator.add(none.rows());
  EXPECT_EQ(accumulator.take(true).shown, (std::vector<std::uint32_t>{1, 2, 1, 2}));
}

TEST(drift_accumulator, reads_embeddings_by_their_norm_and_projections) {
  const auto plan =
      plan_of({column("e", Reading::kNorm, 0, {4.5F}), column("e", Reading::kProjection, 3, {0})},
              signature_of({{.name = "e", .dtype = DType::kFp32, .dims = {4}}}));
  Accumulator accumulator(plan, 1, 8);
  SentRows sent(2);
  const std::vector<float> row = {1, -2, 2, 4};
  sent.add(raw(std::vector<float>{1, -2, 2, 4, 0, 0, kNan, 0}));
  accumulator.add(sent.rows());
  const Counts counts = accumulator.take(true);
  EXPECT_EQ(counts.shown[1], 1);  // 5
  EXPECT_EQ(counts.shown[2], 1);  // missing
  EXPECT_EQ(counts.moments[1][0], static_cast<double>(drift::project(row).values[3]));
  EXPECT_EQ(counts.sample.numbers[0], 5.0F);
}

TEST(drift_accumulator, rows_that_lack_elements_are_missing_and_told) {
  const auto plan = plan_of({column("x", Reading::kNumber, 1, {0})},
                            signature_of({{.name = "x", .dtype = DType::kFp32, .dims = {-1}}}));
  Accumulator accumulator(plan, 1);
  SentRows fine(2);
  fine.add(raw(std::vector<float>{9, 1, 9, 9, -1, 9}));
  accumulator.add(fine.rows());
  SentRows narrow(2);
  narrow.add(raw(std::vector<float>{9, 9}));
  accumulator.add(narrow.rows());
  const Counts counts = accumulator.take(true);
  EXPECT_EQ(counts.shown, (std::vector<std::uint32_t>{1, 1, 2, 0}));
  EXPECT_EQ(counts.unfit_rows, 2);
}

TEST(drift_accumulator, an_output_that_was_not_asked_for_is_in_none_of_its_columns) {
  const base::Signature signature{.inputs = {{.name = "x", .dtype = DType::kFp32, .dims = {1}}},
                                  .outputs = {{.name = "y", .dtype = DType::kFp32, .dims = {2}},
                                              {.name = "t", .dtype = DType::kBytes, .dims = {1}}},
                                  .batch_rows_max = 8};
  std::vector<drift::ColumnSpec> columns = {
      column("x", Reading::kNumber),   column("y", Reading::kNumber, 1, {0}),
      column("y", Reading::kPresent),  column("y", Reading::kNorm),
      column("t", Reading::kCategory), column("t", Reading::kLength)};
  for (std::size_t i = 1; i < columns.size(); ++i) columns[i].is_output = true;
  const auto plan = plan_of(columns, signature);
  Accumulator accumulator(plan, 1, 10);
  const auto ask = [&](std::uint32_t rows, bool wants_y, bool wants_t, std::uint64_t key = 0) {
    SentRows sent(rows);
    sent.add(raw(std::vector<float>(rows, 1)));
    wants_y ? sent.add(raw(std::vector<float>(2 * rows, kNan))) : sent.left_out();
    wants_t ? sent.add(raw_texts(std::vector<std::string>(rows, "a"))) : sent.left_out();
    if (key != 0) sent.key(key);
    accumulator.add(sent.rows());
    accumulator.flush();
  };
  const auto sum = [&](const std::vector<std::uint32_t>& counts, std::size_t i) {
    const auto first = counts.begin() + plan.columns[i].first_place;
    return std::accumulate(first, first + plan.columns[i].places, 0U);
  };
  ask(3, true, true);
  ask(70, false, true);
  ask(5, true, false);
  ask(20, false, false, /*key=*/1);  // 10 of them
  const Counts counts = accumulator.take(true);
  EXPECT_EQ(counts.rows, 88);
  EXPECT_EQ(counts.tested_rows, 4);
  EXPECT_EQ(counts.unfit_rows, 0);
  const std::vector<std::uint32_t> shown = {88, 8, 8, 8, 73, 73};
  const std::vector<std::uint32_t> tested = {4, 2, 2, 2, 2, 2};
  for (std::size_t i = 0; i < columns.size(); ++i) {
    EXPECT_EQ(sum(counts.shown, i), shown[i]);
    EXPECT_EQ(sum(counts.tested, i), tested[i]);
  }
  EXPECT_EQ(counts.shown[plan.columns[1].first_place + 2], 8);  // NaN is missing
  EXPECT_EQ(counts.sample.rows, 3);                             // those that asked for all
  ask(2, false, true);
  EXPECT_EQ(sum(accumulator.take(true).shown, 1), 0);
}

TEST(drift_accumulator, tells_repeated_rows_by_their_inputs) {
  const auto plan = plan_of({column("x", Reading::kNumber), column("t", Reading::kLength)},
                            signature_of({{.name = "x", .dtype = DType::kFp32, .dims = {5}},
                                          {.name = "t", .dtype = DType::kBytes, .dims = {1}}}));
  Accumulator accumulator(plan, 1);
  const auto send = [&](float x, const std::string& text) {
    SentRows sent(1);
    sent.add(raw(std::vector<float>{1, 2, 3, 4, x})).add(raw_texts({text}));
    accumulator.add(sent.rows());
    accumulator.flush();
  };
  send(1, "a");
  send(2, "a");
  send(1, "b");
  EXPECT_EQ(accumulator.take(false).repeated_rows, 0);
  send(2, "a");
  EXPECT_EQ(accumulator.take(false).repeated_rows, 1);
}

TEST(drift_accumulator, samples_rows_evenly_and_keeps_nothing_sensitive) {
  auto words = column("t", Reading::kCategory, 0);
  const auto plan =
      plan_of({column("x", Reading::kNumber, 0), words, column("s", Reading::kPresent, 0)},
              signature_of({{.name = "x", .dtype = DType::kFp32, .dims = {1}},
                            {.name = "t", .dtype = DType::kBytes, .dims = {1}},
                            {.name = "s", .dtype = DType::kFp32, .dims = {1}}}));
  Accumulator accumulator(plan, 1, 100);
  std::vector<std::uint32_t> halves(2);
  for (int turn = 0; turn < 20; ++turn) {
    for (int i = 0; i < 1000; ++i) {
      SentRows sent(1);
      sent.add(raw(std::vector<float>{static_cast<float>(i)}));
      sent.add(raw_texts({std::to_string(i) + std::string(300, '.')}));
      sent.add(raw(std::vector<float>{42}));
      accumulator.add(sent.rows());
      accumulator.flush();
    }
    const drift::Sample sample = accumulator.take(false).sample;
    REQUIRE(sample.rows == 100);
    std::set<float> values;
    for (std::size_t row = 0; row < 100; ++row) {
      const float value = sample.numbers[row * 3];
      values.insert(value);
      ++halves[value < 500 ? 0 : 1];
      EXPECT(std::isnan(sample.numbers[row * 3 + 1]) && std::isnan(sample.numbers[row * 3 + 2]));
      const std::string& text = sample.texts.at(1)[row];
      EXPECT_EQ(text.size(), drift::kSampleTextMax);
      EXPECT(text.starts_with(std::to_string(static_cast<int>(value)) + "."));
    }
    EXPECT_EQ(values.size(), 100);
  }
  EXPECT(halves[0] > 850 && halves[1] > 850);
  accumulator.keep_sample(0);
  accumulator.take(false);
  SentRows sent(1);
  sent.add(raw(std::vector<float>{1})).add(raw_texts({"a"})).add(raw(std::vector<float>{42}));
  accumulator.add(sent.rows());
  EXPECT_EQ(accumulator.take(false).sample.rows, 0);
}

TEST(drift_accumulator, its_memory_does_not_depend_on_what_comes) {
  auto words = column("t", Reading::kCategory, 0);
  words.categories = std::vector<std::string>{"red"};
  const auto plan =
      plan_of({words}, signature_of({{.name = "t", .dtype = DType::kBytes, .dims = {1}}}));
  Accumulator accumulator(plan, 1);
  const std::size_t before = accumulator.bytes();
  for (int i = 0; i < 100'000; ++i) {
    SentRows sent(1);
    sent.add(raw_texts({"category " + std::to_string(i)}));
    accumulator.add(sent.rows());
    accumulator.flush();
  }
  EXPECT_EQ(accumulator.bytes(), before);
  EXPECT_EQ(accumulator.take(true).shown[1], 100'000);
}

}  // namespace penstock::testing
