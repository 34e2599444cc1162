// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <set>
#include <string>

#include "base/dtype.h"
#include "base/error.h"
#include "base/tensor.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using base::DType;
using base::Shape;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

}  // namespace

TEST(base_tensor, a_shape_is_its_dimensions) {
  Shape shape = {2, 3};
  shape.push(4);
  EXPECT_EQ(shape.rank(), 3);
  EXPECT_EQ(shape[2], 4);
  shape[0] = 7;
  EXPECT_EQ(shape.text(), "[7,3,4]");
  EXPECT(shape == Shape({7, 3, 4}));
  EXPECT(!(shape == Shape({7, 3})));
  EXPECT(Shape() == Shape({}));
  EXPECT_EQ(Shape().text(), "[]");
  EXPECT_EQ(base::dims_text(std::vector<std::int64_t>{-1, 0}), "[-1,0]");
}

TEST(base_tensor, a_shape_is_copied_with_all_its_dimensions) {
  Shape full;
  for (std::size_t i = 0; i < base::kRankMax; ++i) full.push(static_cast<std::int64_t>(i));
  Shape copy = full;
  EXPECT(copy == full);
  copy = Shape({5});
  EXPECT_EQ(copy.text(), "[5]");
  copy = *&copy;
  EXPECT_EQ(copy.text(), "[5]");
  copy = full;
  EXPECT(copy == full);
}

TEST(base_tensor, elements_are_the_product_if_there_is_one) {
  EXPECT_EQ(Shape().elements().value(), 1);
  EXPECT_EQ(Shape({2, 3, 4}).elements().value(), 24);
  EXPECT_EQ(Shape({2, 0, 4}).elements().value(), 0);
  EXPECT_EQ(Shape({kMost}).elements().value(), kMost);
  EXPECT(!Shape({kMost, 2}).elements());
  EXPECT(!Shape({1 << 30, 1 << 30, 1 << 30}).elements());
  EXPECT(!Shape({2, -1}).elements());
  EXPECT(!Shape({0, -1}).elements());
  EXPECT(!Shape({std::numeric_limits<std::int64_t>::min()}).elements());
}

TEST(base_tensor, every_datatype_has_a_name_of_its_own_and_is_found_by_it) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < base::kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    names.insert(name_of(dtype));
    EXPECT(base::dtype_named(name_of(dtype)) == dtype);
  }
  EXPECT_EQ(names.size(), base::kDTypeCount);
  for (const std::string_view wrong : {"", "fp32", "FP32 ", "STRING", "FP8", "INT"}) {
    EXPECT(!base::dtype_named(wrong).has_value());
  }
}

TEST(base_tensor, elements_have_the_sizes_of_the_protocol) {
  using enum DType;
  for (const DType one : {kBool, kUint8, kInt8}) EXPECT_EQ(element_bytes(one), 1);
  for (const DType two : {kUint16, kInt16, kFp16, kBf16}) EXPECT_EQ(element_bytes(two), 2);
  for (const DType four : {kUint32, kInt32, kFp32}) EXPECT_EQ(element_bytes(four), 4);
  for (const DType eight : {kUint64, kInt64, kFp64}) EXPECT_EQ(element_bytes(eight), 8);
  EXPECT_EQ(element_bytes(kBytes), 0);
}

TEST(base_tensor, codes_have_the_names_and_numbers_of_grpc) {
  EXPECT_EQ(name_of(base::Code::kOk), "OK");
  EXPECT_EQ(name_of(base::Code::kCancelled), "CANCELLED");
  EXPECT_EQ(name_of(base::Code::kDeadlineExceeded), "DEADLINE_EXCEEDED");
  EXPECT_EQ(name_of(base::Code::kUnauthenticated), "UNAUTHENTICATED");
  EXPECT_EQ(static_cast<int>(base::Code::kResourceExhausted), 8);
  EXPECT_EQ(static_cast<int>(base::Code::kUnavailable), 14);
}

}  // namespace penstock::testing
