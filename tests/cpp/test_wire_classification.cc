// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "base/bytes_elements.h"
#include "harness.h"
#include "wire/classification.h"

namespace penstock::testing {
namespace {

using base::DType;

template <class T>
base::Tensor tensor_of(DType dtype, base::Shape shape, const std::vector<T>& values) {
  base::Tensor tensor{.dtype = dtype, .shape = shape, .bytes = {}};
  tensor.bytes.owner = base::Buffer::allocate(values.size() * sizeof(T));
  if (!values.empty()) {
    std::memcpy(tensor.bytes.owner.data(), values.data(), values.size() * sizeof(T));
  }
  tensor.bytes.bytes = tensor.bytes.owner.bytes();
  return tensor;
}

struct Classes {
  base::Shape shape;
  std::vector<std::string> elements;
};

Classes classes_of(const base::Tensor& output, bool batches, std::uint32_t most,
                   const std::vector<std::string>& labels = {}) {
  const auto made = wire::classify(output, batches, most, labels);
  PENSTOCK_CHECK(made.has_value() && made->dtype == DType::kBytes);
  Classes classes{.shape = made->shape, .elements = {}};
  std::span<const std::byte> rest = made->bytes.bytes;
  while (const auto element = base::take_bytes_element(rest)) {
    classes.elements.emplace_back(reinterpret_cast<const char*>(element->data()), element->size());
  }
  PENSTOCK_CHECK(rest.empty());
  return classes;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST(wire_classification, each_row_has_its_greatest_values_first) {
  const auto output = tensor_of<float>(DType::kFp32, {2, 3}, {0.25F, 0.5F, 0.125F, 1, 2, 3});
  const Classes classes = classes_of(output, true, 2);
  EXPECT(classes.shape == base::Shape({2, 2}));
  EXPECT(classes.elements == Texts({"0.500000:1", "0.250000:0", "3.000000:2", "2.000000:1"}));
}

TEST(wire_classification, a_model_that_does_not_batch_has_one_row) {
  const auto output = tensor_of<std::int64_t>(DType::kInt64, {2, 2}, {7, -9, 8, 1});
  const Classes classes = classes_of(output, false, 3);
  EXPECT(classes.shape == base::Shape({3}));
  EXPECT(classes.elements == Texts({"8:2", "7:0", "1:3"}));
}

TEST(wire_classification, no_more_classes_than_there_are_elements) {
  const auto output = tensor_of<float>(DType::kFp32, {1, 2}, {1, 2});
  EXPECT(classes_of(output, true, 1000).shape == base::Shape({1, 2}));
  const auto none = tensor_of<float>(DType::kFp32, {2, 0}, {});
  EXPECT(classes_of(none, true, 3).shape == base::Shape({2, 0}));
}

TEST(wire_classification, labels_stand_behind_the_classes_that_have_one) {
  const auto output = tensor_of<float>(DType::kFp32, {1, 3}, {3, 2, 1});
  const Classes classes = classes_of(output, true, 3,
                                     {
                                         "cat",
                                         "",
                                     });
  EXPECT(classes.elements == Texts({"3.000000:0:cat", "2.000000:1", "1.000000:2"}));
}

TEST(wire_classification, of_equal_values_the_first_comes_first_and_nans_come_last) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const auto output = tensor_of<float>(DType::kFp32, {1, 6}, {nan, 1, 1, -inf, inf, 1});
  EXPECT(classes_of(output, true, 6).elements ==
         Texts({"inf:4", "1.000000:1", "1.000000:2", "1.000000:5", "-inf:3", "nan:0"}));
}

TEST(wire_classification, every_datatype_of_numbers_is_ranked_and_written) {
  const auto first = [](const base::Tensor& output) {
    return classes_of(output, true, 1).elements;
  };
  EXPECT(first(tensor_of<std::uint8_t>(DType::kUint8, {1, 2}, {200, 3})) == Texts({"200:0"}));
  EXPECT(first(tensor_of<std::int8_t>(DType::kInt8, {1, 2}, {-2, -3})) == Texts({"-2:0"}));
  EXPECT(first(tensor_of<std::uint64_t>(DType::kUint64, {1, 2}, {0, ~std::uint64_t{0}})) ==
         Texts({"18446744073709551615:1"}));
  EXPECT(first(tensor_of<double>(DType::kFp64, {1, 2}, {1e300, 0.1})).front().size() == 310);
  // 1.5 and the least subnormal; 2.0 and infinity.
  EXPECT(first(tensor_of<std::uint16_t>(DType::kFp16, {1, 2}, {0x3e00, 0x0001})) ==
         Texts({"1.500000:0"}));
  EXPECT(first(tensor_of<std::uint16_t>(DType::kFp16, {1, 2}, {0xbe00, 0xfc00})) ==
         Texts({"-1.500000:0"}));
  EXPECT(first(tensor_of<std::uint16_t>(DType::kBf16, {1, 2}, {0x4000, 0x3f80})) ==
         Texts({"2.000000:0"}));
  EXPECT(wire::can_classify(DType::kFp16));
  EXPECT(!wire::can_classify(DType::kBytes));
  EXPECT(!wire::can_classify(DType::kBool));
}

TEST(wire_classification, it_ranks_as_a_dull_sort_does) {
  std::minstd_rand random;
  for (int round = 0; round < 300; ++round) {
    const std::size_t elements = 1 + random() % 40;
    std::vector<std::int32_t> values;
    for (std::size_t i = 0; i < elements; ++i) {
      values.push_back(static_cast<std::int32_t>(random() % 7) - 3);
    }
    std::vector<std::size_t> order(elements);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](auto a, auto b) { return values[a] > values[b]; });
    const auto most = static_cast<std::uint32_t>(1 + random() % 45);
    Texts wanted;
    for (const std::size_t i : order) {
      if (wanted.size() < most)
        wanted.push_back(std::to_string(values[i]) + ":" + std::to_string(i));
    }
    const auto output =
        tensor_of(DType::kInt32, base::Shape({static_cast<std::int64_t>(elements)}), values);
    EXPECT(classes_of(output, false, most).elements == wanted);
  }
}

}  // namespace penstock::testing
