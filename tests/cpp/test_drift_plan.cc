// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <string>
#include <vector>

#include "drift/plan.h"
#include "drift_rows.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using base::DType;
using drift::ColumnSpec;
using drift::Plan;
using drift::Reading;

base::Signature signature() {
  return {.inputs = {{.name = "x", .dtype = DType::kFp32, .dims = {2, 3}},
                     {.name = "t", .dtype = DType::kBytes, .dims = {1}},
                     {.name = "c", .dtype = DType::kInt32, .dims = {-1}},
                     {.name = "image", .dtype = DType::kUint8, .dims = {512, 513}}},
          .outputs = {{.name = "y", .dtype = DType::kFp32, .dims = {2}}},
          .batch_rows_max = 8};
}

std::string refusal(ColumnSpec column) {
  column.name = "f";
  const auto plan = Plan::make({std::move(column)}, signature());
  if (plan) return "";
  EXPECT(plan.error().code == base::Code::kInvalidArgument);
  return plan.error().why;
}

bool says(const std::string& text, std::string_view words) {
  return text.find(words) != std::string::npos;
}

}  // namespace

TEST(drift_plan, holds_columns_against_the_signature) {
  auto score = column("y", Reading::kNumber, 1, {0.5F});
  score.is_output = true;
  const auto plan = Plan::make(
      {score, column("c", Reading::kNumber, 4), column("x", Reading::kNumber, 5)}, signature());
  REQUIRE(plan.has_value());
  REQUIRE(plan->tensors.size() == 3);
  EXPECT_EQ(plan->inputs, 2);
  EXPECT_EQ(plan->tensors[0].index, 0);  // x
  EXPECT_EQ(plan->tensors[1].index, 2);  // c
  EXPECT_EQ(plan->tensors[1].elements, 0);
  EXPECT_EQ(plan->tensors[1].elements_min, 5);
  EXPECT(plan->tensors[2].is_output);
  EXPECT_EQ(plan->columns[0].tensor, 2);
  EXPECT_EQ(plan->columns[0].places, 4);
  EXPECT_EQ(plan->columns[1].first_place, 4);
  EXPECT_EQ(plan->places, 4 + 3 + 3);
}

TEST(drift_plan, refuses_what_the_version_does_not_have) {
  EXPECT(says(refusal(column("z", Reading::kNumber)),
              "\"f\" cannot be watched: the version has no input \"z\""));
  EXPECT(says(refusal(column("y", Reading::kNumber)), "no input"));
  EXPECT(says(refusal(column("x", Reading::kNumber, 6)), "no element 6 in a row, which has 6"));
  EXPECT(says(refusal(column("c", Reading::kNumber, 1 << 20)), "no element"));
  EXPECT(says(refusal(column("image", Reading::kNorm)), "262144 bytes"));
  EXPECT(says(refusal(column("x", Reading::kProjection, 16)), "below 16"));
}

TEST(drift_plan, refuses_readings_that_a_tensor_does_not_have) {
  EXPECT(says(refusal(column("t", Reading::kNumber)), "BYTES, which cannot be read as number"));
  EXPECT(says(refusal(column("t", Reading::kNorm)), "read as norm"));
  EXPECT(says(refusal(column("x", Reading::kLength)), "FP32, which cannot be read as length"));
  EXPECT(says(refusal(column("x", Reading::kCategory)), "read as category"));
  auto open = column("x", Reading::kPresent);
  open.is_sensitive = false;
  EXPECT(says(refusal(open), "sensitive column is read as present"));
  auto told = column("x", Reading::kNumber);
  told.is_sensitive = true;
  EXPECT(says(refusal(told), "sensitive column is read as present"));
}

TEST(drift_plan, refuses_edges_and_categories_that_are_none) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT(says(refusal(column("x", Reading::kNumber, 0, std::vector<float>(64, 0))), "at most 63"));
  EXPECT(says(refusal(column("x", Reading::kNumber, 0, {1, 1})), "greater than"));
  EXPECT(says(refusal(column("x", Reading::kNumber, 0, {1, nan})), "finite edges"));
  auto words = column("t", Reading::kCategory);
  words.categories = std::vector<std::string>{"a", "a"};
  EXPECT(says(refusal(words), "twice"));
  words.categories = std::vector<std::int64_t>{1};
  EXPECT(says(refusal(words), "BYTES, and its categories are numbers"));
  auto codes = column("c", Reading::kCategory);
  codes.categories = std::vector<std::int64_t>(300);
  EXPECT(says(refusal(codes), "at most 256 categories, found 300"));
  EXPECT_EQ(refusal(column("c", Reading::kCategory)), "");
}

TEST(drift_plan, refuses_no_columns_and_too_many) {
  EXPECT(!Plan::make({}, signature()).has_value());
  const std::vector<ColumnSpec> many(drift::kColumnsMax + 1, column("x", Reading::kNumber));
  const auto plan = Plan::make(many, signature());
  REQUIRE(!plan.has_value());
  EXPECT(says(plan.error().why, "1 to 10000 columns"));
}

}  // namespace penstock::testing
