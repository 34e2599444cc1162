// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "harness.h"
#include "model/difference.h"

namespace penstock::testing {
namespace {

using base::DType;
using model::difference_of;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <class T>
base::Tensor tensor(DType dtype, base::Shape shape, const std::vector<T>& values) {
  base::Tensor made{.dtype = dtype, .shape = shape, .bytes = {}};
  made.bytes.owner = base::Buffer::allocate(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(made.bytes.owner.data(), values.data(), made.bytes.owner.size());
  made.bytes.bytes = made.bytes.owner.bytes();
  return made;
}

base::Tensor floats(const std::vector<float>& values) {
  return tensor(DType::kFp32, {static_cast<std::int64_t>(values.size())}, values);
}

base::Tensor texts(const std::vector<std::string>& values) {
  std::vector<char> bytes;
  for (const std::string& value : values) {
    const auto size = static_cast<std::uint32_t>(value.size());
    const auto* const length = reinterpret_cast<const char*>(&size);
    bytes.insert(bytes.end(), length, length + sizeof size);
    bytes.insert(bytes.end(), value.begin(), value.end());
  }
  base::Tensor made = tensor(DType::kBytes, {static_cast<std::int64_t>(values.size())}, bytes);
  return made;
}

std::string between(float found, float wanted, double tolerance) {
  return difference_of("y", floats({found}), floats({wanted}), tolerance);
}

}  // namespace

TEST(model_difference, floats_may_differ_by_the_tolerance_relative_to_the_larger_of_1_and_them) {
  EXPECT_EQ(between(0.25F, 0.5F, 0.25), "");
  EXPECT_EQ(between(0.25F, 0.5F, 0.2), "y[0] is 0.25, wanted 0.5 (tolerance 0.2)");
  EXPECT_EQ(between(90.0F, 100.0F, 0.1), "");
  EXPECT_EQ(between(89.0F, 100.0F, 0.1), "y[0] is 89, wanted 100 (tolerance 0.1)");
  EXPECT_EQ(between(-0.0F, 0.0F, 0), "");
  const auto wide = [](double value) { return tensor<double>(DType::kFp64, {1}, {value}); };
  EXPECT_EQ(difference_of("y", wide(1 + 1e-12), wide(1), 1e-11), "");
  EXPECT_EQ(difference_of("y", wide(1.5), wide(1), 1e-13),
            "y[0] is 1.5, wanted 1 (tolerance 1e-13)");
}

TEST(model_difference, nan_is_as_good_as_nan_and_an_infinity_as_itself_alone) {
  EXPECT_EQ(between(kNan, kNan, 0), "");
  EXPECT_EQ(between(1, kNan, 10), "y[0] is 1, wanted nan (tolerance 10)");
  EXPECT_EQ(between(kNan, 1, 10), "y[0] is nan, wanted 1 (tolerance 10)");
  EXPECT_EQ(between(kInfinity, kInfinity, 0), "");
  EXPECT_EQ(between(-kInfinity, kInfinity, 1), "y[0] is -inf, wanted inf (tolerance 1)");
  EXPECT_EQ(between(5, kInfinity, 1), "y[0] is 5, wanted inf (tolerance 1)");
  EXPECT_EQ(between(kInfinity, 5, 1), "y[0] is inf, wanted 5 (tolerance 1)");
}

TEST(model_difference, narrow_floats_are_compared_by_their_values) {
  const auto half = [](std::uint16_t bits) {
    return tensor<std::uint16_t>(DType::kFp16, {1}, {bits});
  };
  EXPECT_EQ(difference_of("y", half(0x3c00), half(0x4000), 0.25),
            "y[0] is 1, wanted 2 (tolerance 0.25)");
  EXPECT_EQ(difference_of("y", half(0x3c00), half(0x4000), 0.5), "");
  EXPECT_EQ(difference_of("y", half(0x0001), half(0xfc00), 1),
            "y[0] is 5.9604645e-08, wanted -inf (tolerance 1)");
  EXPECT_EQ(difference_of("y", half(0x7e00), half(0xfe01), 0), "");
  const auto brain = [](std::uint16_t bits) {
    return tensor<std::uint16_t>(DType::kBf16, {1}, {bits});
  };
  EXPECT_EQ(difference_of("y", brain(0x3f80), brain(0x4000), 0.25),
            "y[0] is 1, wanted 2 (tolerance 0.25)");
}

TEST(model_difference, integers_booleans_and_texts_must_be_equal) {
  const auto wide = [](std::int64_t value) {
    return tensor<std::int64_t>(DType::kInt64, {1}, {value});
  };
  EXPECT_EQ(difference_of("n", wide(3), wide(3), 0), "");
  EXPECT_EQ(difference_of("n", wide((1LL << 62) + 1), wide(1LL << 62), 100),
            "n[0] is 4611686018427387905, wanted 4611686018427387904");
  const auto small = [](std::int8_t value) {
    return tensor<std::int8_t>(DType::kInt8, {1}, {value});
  };
  EXPECT_EQ(difference_of("n", small(-1), small(65), 0), "n[0] is -1, wanted 65");
  const auto truth = [](std::uint8_t value) {
    return tensor<std::uint8_t>(DType::kBool, {1}, {value});
  };
  EXPECT_EQ(difference_of("is", truth(2), truth(1), 0), "");
  EXPECT_EQ(difference_of("is", truth(0), truth(1), 0), "is[0] is false, wanted true");
  EXPECT_EQ(difference_of("label", texts({"a", "no"}), texts({"a", "no"}), 0), "");
  EXPECT_EQ(difference_of("label", texts({"a", "no\n"}), texts({"a", "yes"}), 0),
            "label[1] is 'no\\x0a', wanted 'yes'");
}

TEST(model_difference, the_first_element_that_differs_is_told_by_its_place) {
  const auto found = tensor<float>(DType::kFp32, {2, 3}, {0, 0, 0, 0, 7, 8});
  const auto wanted = tensor<float>(DType::kFp32, {2, 3}, {0, 0, 0, 0, 0, 0});
  EXPECT_EQ(difference_of("y", found, wanted, 0), "y[1,1] is 7, wanted 0 (tolerance 0)");
  EXPECT_EQ(difference_of("y", found, wanted, 0, 10), "y[11,1] is 7, wanted 0 (tolerance 0)");
  const auto one = tensor<float>(DType::kFp32, {}, {1});
  const auto other = tensor<float>(DType::kFp32, {}, {2});
  EXPECT_EQ(difference_of("y", one, other, 0), "y is 1, wanted 2 (tolerance 0)");
}

TEST(model_difference, another_datatype_or_shape_or_nothing_is_told) {
  EXPECT_EQ(difference_of("y", floats({1}), texts({"1"}), 0), "y is FP32, wanted BYTES");
  EXPECT_EQ(difference_of("y", floats({1, 2}), floats({1}), 0), "y has shape [2], wanted [1]");
  base::Tensor nothing = floats({1});
  nothing.is_present = false;
  EXPECT_EQ(difference_of("y", nothing, floats({1}), 0), "y is missing");
}

TEST(model_difference, bytes_that_are_not_the_shapes_elements_are_told_and_not_read) {
  base::Tensor cut = floats({1, 2});
  cut.bytes.bytes = cut.bytes.bytes.first(7);
  EXPECT(!model::holds_its_elements(cut));
  EXPECT_EQ(difference_of("y", cut, floats({1, 2}), 0),
            "y has 7 bytes, which are not the elements of its shape [2]");
  base::Tensor text = texts({"abc", "d"});
  EXPECT(model::holds_its_elements(text));
  text.bytes.bytes = text.bytes.bytes.first(text.bytes.bytes.size() - 1);
  EXPECT(!model::holds_its_elements(text));
  base::Tensor negative = floats({});
  negative.shape = {-1};
  EXPECT(!model::holds_its_elements(negative));
}

}  // namespace penstock::testing
