// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "harness.h"
#include "model/column_rows.h"

namespace penstock::testing {
namespace {

using base::DType;
using model::Column;
using model::Misfit;

// A column of texts with its buffers.
struct Texts {
  explicit Texts(std::vector<std::string_view> all) {
    offsets.push_back(0);
    for (const std::string_view text : all) {
      bytes += text;
      offsets.push_back(static_cast<std::int32_t>(bytes.size()));
    }
  }
  Column column() const {
    return {.kind = Column::Kind::kTexts,
            .values = reinterpret_cast<const std::byte*>(offsets.data()),
            .texts = reinterpret_cast<const std::byte*>(bytes.data())};
  }

  std::vector<std::int32_t> offsets;
  std::string bytes;
};

template <class T>
Column numbers(DType dtype, const std::vector<T>& values) {
  return {.dtype = dtype, .values = reinterpret_cast<const std::byte*>(values.data())};
}

template <class Out>
struct Gathered {
  Gathered(DType dtype, const std::vector<Column>& columns, std::size_t rows)
      : values(rows * columns.size()), kinds(rows), places(rows) {
    bad = model::gather_rows(columns, rows, dtype, reinterpret_cast<std::byte*>(values.data()),
                             {kinds, places});
  }

  std::vector<Out> values;
  std::vector<Misfit> kinds;
  std::vector<std::int32_t> places;
  std::size_t bad = 0;
};

}  // namespace

TEST(model_column_rows, columns_become_rows_whatever_their_numbers_are) {
  constexpr std::size_t kRows = 300;  // several blocks, the last one not whole
  std::vector<float> a(kRows + 1);
  std::vector<std::int64_t> b(kRows);
  std::vector<std::uint8_t> c((kRows + 7) / 8);
  for (std::size_t i = 0; i < kRows; ++i) {
    a[i + 1] = static_cast<float>(i) / 3;
    b[i] = static_cast<std::int64_t>(i) - 150;
    if (i % 3 == 0) c[i / 8] = static_cast<std::uint8_t>(c[i / 8] | (1U << (i % 8)));
  }
  Column floats = numbers(DType::kFp32, a);
  floats.first = 1;
  const Column bits{.kind = Column::Kind::kBools,
                    .values = reinterpret_cast<const std::byte*>(c.data())};
  const Gathered<double> rows(DType::kFp64, {floats, numbers(DType::kInt64, b), bits}, kRows);
  EXPECT_EQ(rows.bad, 0U);
  for (std::size_t i = 0; i < kRows; ++i) {
    EXPECT_EQ(rows.values[3 * i], static_cast<double>(static_cast<float>(i) / 3));
    EXPECT_EQ(rows.values[3 * i + 1], static_cast<double>(i) - 150);
    EXPECT_EQ(rows.values[3 * i + 2], i % 3 == 0 ? 1.0 : 0.0);
  }
}

TEST(model_column_rows, what_is_missing_is_nan_in_floats_and_bad_in_whole_numbers) {
  const std::vector<std::int32_t> values = {7, 8, 9};
  const std::uint8_t validity = 0b101;
  Column column = numbers(DType::kInt32, values);
  column.validity = &validity;
  const Gathered<float> floats(DType::kFp32, {column}, 3);
  EXPECT_EQ(floats.bad, 0U);
  EXPECT(std::isnan(floats.values[1]));
  const Gathered<std::int32_t> whole(DType::kInt32, {column}, 3);
  EXPECT_EQ(whole.bad, 1U);
  EXPECT(whole.kinds[1] == Misfit::kMissing);
  EXPECT(whole.values == (std::vector<std::int32_t>{7, 0, 9}));
}

TEST(model_column_rows, a_number_beyond_the_tensors_is_bad_and_its_row_goes_on_with_zero) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> values = {1e39, -1e39, infinity, 3.5, 0.1, 1e-50};
  const Gathered<float> floats(DType::kFp32, {numbers(DType::kFp64, values)}, values.size());
  EXPECT_EQ(floats.bad, 2U);
  EXPECT(floats.kinds[0] == Misfit::kRange && floats.kinds[1] == Misfit::kRange);
  EXPECT_EQ(floats.values[0], 0.0F);
  EXPECT(std::isinf(floats.values[2]));  // it was infinite before
  EXPECT_EQ(floats.values[4], 0.1F);
  EXPECT_EQ(floats.values[5], 0.0F);

  const std::vector<double> edges = {9223372036854775807.0, -9223372036854775808.0, 0.5, 4.0};
  const Gathered<std::int64_t> whole(DType::kInt64, {numbers(DType::kFp64, edges)}, edges.size());
  EXPECT(whole.kinds[0] == Misfit::kRange);  // that double is 2^63
  EXPECT(whole.kinds[1] == Misfit::kNone);
  EXPECT(whole.kinds[2] == Misfit::kFraction);
  EXPECT_EQ(whole.values[3], 4);

  const std::vector<std::int64_t> large = {255, 256, -1};
  const Gathered<std::uint8_t> bytes(DType::kUint8, {numbers(DType::kInt64, large)}, 3);
  EXPECT(bytes.kinds == (std::vector<Misfit>{Misfit::kNone, Misfit::kRange, Misfit::kRange}));
  const std::vector<float> truths = {0, 1, 2};
  const Gathered<std::uint8_t> bools(DType::kBool, {numbers(DType::kFp32, truths)}, 3);
  EXPECT(bools.values == (std::vector<std::uint8_t>{0, 1, 0}));
  EXPECT(bools.kinds[2] == Misfit::kRange);
}

TEST(model_column_rows, texts_are_read_as_numbers_one_by_one) {
  const Texts texts({"1.5", " -2e3\t", "+7", "", "NA", "null", "True", "false", "x", "1.5x",
                     "1e999", "1e-999", "nan", "-inf", "0x10", "++1", "12 13"});
  const Gathered<float> rows(DType::kFp32, {texts.column()}, 17);
  EXPECT_EQ(rows.values[0], 1.5F);
  EXPECT_EQ(rows.values[1], -2000.0F);
  EXPECT_EQ(rows.values[2], 7.0F);
  for (const std::size_t missing : {3U, 4U, 5U, 12U}) EXPECT(std::isnan(rows.values[missing]));
  EXPECT_EQ(rows.values[6], 1.0F);
  EXPECT_EQ(rows.values[7], 0.0F);
  for (const std::size_t wrong : {8U, 9U, 14U, 15U, 16U}) {
    EXPECT(rows.kinds[wrong] == Misfit::kNoNumber);
  }
  EXPECT(rows.kinds[10] == Misfit::kRange);
  EXPECT_EQ(rows.values[11], 0.0F);
  EXPECT(std::isinf(rows.values[13]));
  EXPECT_EQ(rows.bad, 6U);
}

TEST(model_column_rows, whole_numbers_in_texts_keep_all_their_digits) {
  const Texts texts(
      {"9007199254740993", "-9223372036854775808", "9223372036854775808", "1.0", "1.5", "1e3", ""});
  const Gathered<std::int64_t> rows(DType::kInt64, {texts.column()}, 7);
  EXPECT_EQ(rows.values[0], 9007199254740993);
  EXPECT_EQ(rows.values[1], std::numeric_limits<std::int64_t>::min());
  EXPECT(rows.kinds[2] == Misfit::kRange);
  EXPECT_EQ(rows.values[3], 1);
  EXPECT(rows.kinds[4] == Misfit::kFraction);
  EXPECT_EQ(rows.values[5], 1000);
  EXPECT(rows.kinds[6] == Misfit::kMissing);
}

TEST(model_column_rows, a_row_is_marked_by_its_first_misfit) {
  const Texts texts({"1", "x", "y"});
  const std::vector<double> values = {1, 1e300, 1};
  const Gathered<float> rows(DType::kFp32, {numbers(DType::kFp64, values), texts.column()}, 3);
  EXPECT_EQ(rows.bad, 2U);
  EXPECT(rows.kinds[1] == Misfit::kRange);
  EXPECT_EQ(rows.places[1], 0);
  EXPECT(rows.kinds[2] == Misfit::kNoNumber);
  EXPECT_EQ(rows.places[2], 1);
}

TEST(model_column_rows, texts_are_encoded_behind_their_lengths) {
  const Texts texts({"ab", "", "gone", "c"});
  const std::uint8_t validity = 0b1011;
  Column column = texts.column();
  column.validity = &validity;
  const auto encoded = model::encode_texts(column, 4);
  REQUIRE(encoded.has_value());
  const std::string_view found(reinterpret_cast<const char*>(encoded->data()), encoded->size());
  EXPECT(found == std::string_view("\2\0\0\0ab\0\0\0\0\0\0\0\0\1\0\0\0c", 19));
  column.first = 3;
  EXPECT_EQ(model::encode_texts(column, 1)->size(), 5U);
}

}  // namespace penstock::testing
