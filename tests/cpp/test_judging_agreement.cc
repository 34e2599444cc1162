// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "agreement_recount.h"
#include "base/narrow_float.h"
#include "batching_doubles.h"
#include "harness.h"
#include "judging/agreement.h"

namespace penstock::testing {
namespace {

using base::DType;
using base::Tensor;
using judging::Mismatch;
using judging::OutputAgreement;
using judging::Tolerance;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr Tolerance kExact{.relative = 0.0, .absolute = 0.0};

struct Compared {
  bool agrees = false;
  OutputAgreement counts;
  std::vector<std::uint8_t> rows;

  std::uint64_t mismatched(Mismatch kind) const {
    return counts.mismatched[static_cast<std::size_t>(kind)];
  }
};

Compared compared(const Tensor& primary, const Tensor& shadow, const Tolerance& tolerance = {},
                  std::size_t rows = 1) {
  Compared result;
  result.rows.assign(rows, 1);
  result.agrees = judging::compare(primary, shadow, tolerance, result.rows, result.counts);
  return result;
}

void expect_same_counts(const OutputAgreement& a, const OutputAgreement& b) {
  EXPECT_EQ(a.pairs, b.pairs);
  EXPECT_EQ(a.agreed, b.agreed);
  EXPECT_EQ(a.elements, b.elements);
  EXPECT_EQ(a.identical, b.identical);
  EXPECT_EQ(a.within, b.within);
  EXPECT(a.mismatched == b.mismatched);
  EXPECT(a.absolute == b.absolute);
  EXPECT(a.relative == b.relative);
  EXPECT(a.ulps == b.ulps);
  EXPECT_EQ(a.argmax_rows, b.argmax_rows);
  EXPECT_EQ(a.argmax_agreed, b.argmax_agreed);
  EXPECT_EQ(a.classes, b.classes);
  EXPECT(a.flips == b.flips);
  EXPECT_EQ(a.probability_rows, b.probability_rows);
  EXPECT(std::abs(a.total_variation_sum - b.total_variation_sum) < 1e-9);
  EXPECT(std::abs(a.jensen_shannon_sum - b.jensen_shannon_sum) < 1e-9);
  EXPECT(a.total_variation == b.total_variation);
  EXPECT(a.jensen_shannon == b.jensen_shannon);
}

// The bits of `dtype` for about this value, in eight bytes.
std::uint64_t bits_of(DType dtype, double value) {
  const auto narrow = static_cast<float>(value);
  switch (dtype) {
    case DType::kFp16: return base::fp16_of(narrow);
    case DType::kBf16: return base::bf16_of(narrow);
    case DType::kFp32: return std::bit_cast<std::uint32_t>(narrow);
    case DType::kFp64: return std::bit_cast<std::uint64_t>(value);
    case DType::kBool: return value > 0 ? 1 : 0;
    default: return static_cast<std::uint64_t>(static_cast<std::int64_t>(value * 10));
  }
}

// Pairs of answers that nearly agree, with whatever a float can be among them.
class Answers {
 public:
  struct Pair {
    Tensor primary;
    Tensor shadow;
    std::size_t rows = 1;
  };

  Pair next(DType dtype, std::int64_t columns) {
    const auto rows = static_cast<std::int64_t>(1 + random_() % 5);
    std::vector<std::vector<char>> bytes(2);
    std::vector<std::vector<std::string>> words(2);
    const bool are_probabilities = random_() % 2 == 0;
    for (std::int64_t row = 0; row < rows; ++row) {
      std::vector<double> values;
      double sum = 0.0;
      for (std::int64_t i = 0; i < columns; ++i) {
        values.push_back(are_probabilities ? uniform() : value());
        sum += values.back();
      }
      for (double value : values) {
        if (are_probabilities) value /= sum;
        const double other = random_() % 4 == 0 ? near(value) : value;
        append(dtype, value, bytes[0], words[0]);
        append(dtype, other, bytes[1], words[1]);
      }
    }
    const base::Shape shape = {rows, columns};
    const auto tensor = [&](std::size_t side) {
      return dtype == DType::kBytes ? texts(shape, words[side])
                                    : tensor_of<char>(dtype, shape, bytes[side]);
    };
    return {.primary = tensor(0), .shadow = tensor(1), .rows = static_cast<std::size_t>(rows)};
  }

 private:
  double uniform() { return static_cast<double>(random_() % 1000 + 1) / 1000.0; }
  double value() {
    switch (random_() % 12) {
      case 0: return kNaN;
      case 1: return kInfinity;
      case 2: return -kInfinity;
      case 3: return 0.0;
      case 4: return -0.0;
      case 5: return std::ldexp(uniform(), -140);
      case 6: return std::ldexp(uniform(), 30);
      default: return uniform() - 0.5;
    }
  }
  double near(double value) {
    switch (random_() % 6) {
      case 0: return kNaN;
      case 1: return -value;
      case 2: return value * (1 + 1e-6);
      case 3: return value + 1e-7;
      case 4: return value * (1 + 1e-3);
      default: return this->value();
    }
  }
  static void append(DType dtype, double value, std::vector<char>& bytes,
                     std::vector<std::string>& words) {
    if (std::isnan(value) && !is_float(dtype)) value = 1.0;
    if (dtype == DType::kBytes) return words.push_back(std::to_string(value));
    if (!is_float(dtype)) value = std::min(std::max(value, -10.0), 10.0);
    const std::uint64_t bits = bits_of(dtype, value);
    const auto* raw = reinterpret_cast<const char*>(&bits);
    bytes.insert(bytes.end(), raw, raw + base::element_bytes(dtype));
  }

  std::mt19937_64 random_{7};
};

}  // namespace

TEST(judging_agreement, counts_are_those_of_a_plain_recount_for_every_datatype) {
  Answers answers;
  for (std::size_t dtype = 0; dtype < base::kDTypeCount; ++dtype) {
    for (const std::int64_t columns : {1, 3, 20}) {
      OutputAgreement counts;
      OutputAgreement plain;
      for (int i = 0; i < 60; ++i) {
        const auto pair = answers.next(static_cast<DType>(dtype), columns);
        std::vector<std::uint8_t> rows(pair.rows, 1);
        std::vector<std::uint8_t> plain_rows(pair.rows, 1);
        const bool agrees = judging::compare(pair.primary, pair.shadow, {}, rows, counts);
        EXPECT_EQ(agrees, recount(pair.primary, pair.shadow, {}, plain_rows, plain));
        EXPECT(rows == plain_rows);
      }
      expect_same_counts(counts, plain);
    }
  }
}

TEST(judging_agreement, counts_of_parts_add_up_to_those_of_the_whole) {
  Answers answers;
  OutputAgreement whole;
  std::array<OutputAgreement, 3> parts;
  for (std::size_t i = 0; i < 300; ++i) {
    const auto pair = answers.next(DType::kFp32, 4);
    judging::compare(pair.primary, pair.shadow, {}, {}, whole);
    judging::compare(pair.primary, pair.shadow, {}, {}, parts[i % 3]);
  }
  OutputAgreement sum;
  for (const OutputAgreement& part : parts) sum.add(part);
  expect_same_counts(sum, whole);
}

TEST(judging_agreement, numbers_agree_within_either_tolerance) {
  const Tolerance tolerance{.relative = 1e-3, .absolute = 1e-2};
  const auto agree = [&](float a, float b) {
    return compared(floats({1, 1}, {a}), floats({1, 1}, {b}), tolerance).agrees;
  };
  EXPECT(agree(0.0F, 0.009F));
  EXPECT(!agree(0.0F, 0.011F));
  EXPECT(agree(1000.0F, 1000.9F));
  EXPECT(!agree(1000.0F, 1002.0F));
  EXPECT(agree(0.0F, -0.0F));
  EXPECT(agree(kInfinity, kInfinity));
  EXPECT(!agree(kInfinity, -kInfinity));
  EXPECT(!agree(kInfinity, 1e38F));
}

TEST(judging_agreement, a_nan_in_one_answer_is_a_mismatch_and_in_both_is_none) {
  const auto both = compared(floats({1, 2}, {1, kNaN}), floats({1, 2}, {1, kNaN}), kExact);
  EXPECT(both.agrees);
  EXPECT_EQ(both.mismatched(Mismatch::kNan), 0);
  const auto one = compared(floats({1, 2}, {1, 2}), floats({1, 2}, {1, kNaN}));
  EXPECT(!one.agrees);
  EXPECT_EQ(one.mismatched(Mismatch::kNan), 1);
  EXPECT_EQ(one.counts.absolute[0], 1);  // of the numbers
  EXPECT_EQ(one.counts.argmax_rows, 0);
}

TEST(judging_agreement, another_shape_or_datatype_is_a_mismatch_whatever_the_values) {
  const auto shape = compared(floats({2, 1}, {1, 2}), floats({1, 2}, {1, 2}), {}, 2);
  EXPECT(!shape.agrees);
  EXPECT_EQ(shape.mismatched(Mismatch::kShape), 1);
  EXPECT(shape.rows == (std::vector<std::uint8_t>{0, 0}));
  const auto dtype =
      compared(floats({1}, {1}), tensor_of<std::uint32_t>(DType::kUint32, {1}, {0x3f800000}));
  EXPECT(!dtype.agrees);
  EXPECT_EQ(dtype.mismatched(Mismatch::kDatatype), 1);
  OutputAgreement missing;
  std::vector<std::uint8_t> rows(1, 1);
  judging::count_missing(rows, missing);
  EXPECT_EQ(missing.mismatched[static_cast<std::size_t>(Mismatch::kMissing)], 1);
  EXPECT_EQ(missing.pairs, 1);
  EXPECT_EQ(rows[0], 0);
}

TEST(judging_agreement, only_rows_that_differ_disagree) {
  const auto result =
      compared(floats({3, 2}, {1, 2, 3, 4, 5, 6}), floats({3, 2}, {1, 2, 3, 9, 5, 6}), {}, 3);
  EXPECT(result.rows == (std::vector<std::uint8_t>{1, 0, 1}));
  // An output that is not by row is of all of them.
  const auto whole = compared(floats({2}, {1, 2}), floats({2}, {1, 3}), {}, 3);
  EXPECT(whole.rows == (std::vector<std::uint8_t>{0, 0, 0}));
}

TEST(judging_agreement, labels_must_be_equal) {
  const auto result = compared(texts({3, 1}, {"cat", "", "dog"}), texts({3, 1}, {"cat", "", "do"}),
                               {.relative = 1, .absolute = 1}, 3);
  EXPECT(!result.agrees);
  EXPECT_EQ(result.counts.identical, 2);
  EXPECT(result.rows == (std::vector<std::uint8_t>{1, 1, 0}));
  EXPECT(!compared(tensor_of<std::int64_t>(DType::kInt64, {1}, {1}),
                   tensor_of<std::int64_t>(DType::kInt64, {1}, {2}), {.absolute = 5})
              .agrees);
}

TEST(judging_agreement, flips_are_counted_by_both_classes) {
  const auto result = compared(floats({3, 3}, {9, 1, 1, 1, 9, 1, 1, 1, 9}),
                               floats({3, 3}, {9, 1, 1, 9, 1, 1, 1, 1, 9}), {}, 3);
  EXPECT_EQ(result.counts.argmax_rows, 3);
  EXPECT_EQ(result.counts.argmax_agreed, 2);
  EXPECT_EQ(result.counts.classes, 3);
  EXPECT_EQ(result.counts.flips[1 * judging::kFlipClassesMax + 0], 1);
  EXPECT_EQ(result.counts.flips[0], 1);
}

TEST(judging_agreement, of_more_classes_than_have_a_place_only_agreement_is_counted) {
  std::vector<float> one(judging::kFlipClassesMax + 1, 0.0F);
  one[3] = 1.0F;
  std::vector<float> other(one.size(), 0.0F);
  other.back() = 1.0F;
  const base::Shape shape = {1, static_cast<std::int64_t>(one.size())};
  const auto result = compared(floats(shape, one), floats(shape, other));
  EXPECT_EQ(result.counts.argmax_rows, 1);
  EXPECT_EQ(result.counts.argmax_agreed, 0);
  EXPECT_EQ(result.counts.classes, 0);
  EXPECT(result.counts.flips == decltype(result.counts.flips){});
}

TEST(judging_agreement, answers_of_changing_width_have_no_flips) {
  OutputAgreement counts;
  const auto narrow = floats({1, 2}, {1, 2});
  const auto wide = floats({1, 3}, {1, 2, 3});
  judging::compare(narrow, narrow, {}, {}, counts);
  judging::compare(wide, wide, {}, {}, counts);
  judging::compare(narrow, narrow, {}, {}, counts);
  EXPECT_EQ(counts.classes, 0);
  EXPECT_EQ(counts.argmax_rows, 3);
  EXPECT(counts.flips == decltype(counts.flips){});
}

TEST(judging_agreement, distributions_are_apart_by_total_variation_and_jensen_shannon) {
  const auto apart = compared(floats({1, 2}, {1, 0}), floats({1, 2}, {0, 1}));
  EXPECT_EQ(apart.counts.probability_rows, 1);
  EXPECT_EQ(apart.counts.total_variation_sum, 1.0);
  EXPECT(std::abs(apart.counts.jensen_shannon_sum - std::log(2.0)) < 1e-12);
  // (0.75, 0.25) and (0.25, 0.75): ln 2 - H(1/4) = 0.130812...
  const auto near = compared(floats({1, 2}, {0.75F, 0.25F}), floats({1, 2}, {0.25F, 0.75F}));
  EXPECT_EQ(near.counts.total_variation_sum, 0.5);
  EXPECT(std::abs(near.counts.jensen_shannon_sum - 0.13081203594) < 1e-9);
  EXPECT_EQ(compared(floats({1, 2}, {1, 2}), floats({1, 2}, {1, 2})).counts.probability_rows, 0);
}

TEST(judging_agreement, buckets_begin_and_end_where_the_header_says) {
  EXPECT_EQ(judging::magnitude_bucket(0.0), 0);
  EXPECT_EQ(judging::magnitude_bucket(5e-324), 1);
  EXPECT_EQ(judging::magnitude_bucket(std::ldexp(1.0, -41)), 1);
  EXPECT_EQ(judging::magnitude_bucket(std::ldexp(1.0, -40)), 2);
  EXPECT_EQ(judging::magnitude_bucket(1.0), 42);
  EXPECT_EQ(judging::magnitude_bucket(std::ldexp(1.99, 20)), 62);
  EXPECT_EQ(judging::magnitude_bucket(std::ldexp(1.0, 21)), 63);
  EXPECT_EQ(judging::magnitude_bucket(INFINITY), 63);
  EXPECT_EQ(judging::ulp_bucket(0), 0);
  EXPECT_EQ(judging::ulp_bucket(1), 1);
  EXPECT_EQ(judging::ulp_bucket(3), 2);
  EXPECT_EQ(judging::ulp_bucket(~std::uint64_t{0}), 63);
}

}  // namespace penstock::testing
