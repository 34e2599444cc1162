// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness.h"
#include "serving/request_parameters.h"
#include "wire/classification.h"
#include "wire_messages.h"

namespace penstock::testing {
namespace {

using base::DType;

base::Result<serving::RequestWishes> wishes_of(std::string_view name, std::string_view value) {
  const Decoded decoded(parameter(4, name, value));
  PENSTOCK_CHECK(decoded.result.has_value());
  return serving::read_wishes(decoded.request);
}

std::string refusal_of(std::string_view name, std::string_view value) {
  const auto wishes = wishes_of(name, value);
  return wishes ? "" : wishes.error().why;
}

const std::string kTrue = varint_field(1, 1);
const std::string kSeven = varint_field(2, 7);
const std::string kText = sized_field(3, "7");
const std::string kUnsignedSeven = varint_field(5, 7);
const std::string kNegative = varint_field(2, ~std::uint64_t{0});

base::Result<std::vector<std::uint32_t>> classes_of(std::string_view value) {
  const Decoded decoded(
      sized_field(6, sized_field(1, "b")) +
      sized_field(6, sized_field(1, "a") + parameter(2, "classification", value)));
  PENSTOCK_CHECK(decoded.result.has_value());
  const base::Signature signature = {
      .inputs = {},
      .outputs = {{.name = "a", .dtype = DType::kFp32, .dims = {2}},
                  {.name = "b", .dtype = DType::kBytes, .dims = {2}}}};
  std::vector<std::uint32_t> classes;
  const auto bound = serving::bind_classes(decoded.request, signature, {1, 0}, classes);
  if (!bound) return std::unexpected(bound.error());
  return classes;
}

}  // namespace

TEST(serving_request_parameters, a_timeout_is_in_microseconds) {
  EXPECT_EQ(wishes_of("timeout", kSeven)->timeout_ns, 7000);
  EXPECT_EQ(wishes_of("timeout", kUnsignedSeven)->timeout_ns, 7000);
  EXPECT_EQ(wishes_of("timeout", varint_field(2, 0))->timeout_ns, 0);
  EXPECT_EQ(wishes_of("timeout", varint_field(5, ~std::uint64_t{0}))->timeout_ns, 0);
  EXPECT_EQ(wishes_of("other", kSeven)->timeout_ns, 0);
}

TEST(serving_request_parameters, reserved_names_have_their_types) {
  EXPECT_EQ(refusal_of("timeout", kText),
            "invalid value type for 'timeout' parameter, expected int64_param or uint64_param.");
  EXPECT_EQ(refusal_of("timeout", kNegative),
            "invalid value for 'timeout' parameter, expected value >= 0, got -1");
  EXPECT_CONTAINS(refusal_of("priority", kTrue), "'priority' parameter, expected int64_param");
  EXPECT_EQ(refusal_of("priority", kUnsignedSeven), "");
  EXPECT_CONTAINS(refusal_of("sequence_id", kTrue), "'sequence_id' parameter");
  EXPECT_EQ(refusal_of("sequence_id", kText) + refusal_of("sequence_id", kSeven), "");
  EXPECT_CONTAINS(refusal_of("sequence_start", kSeven), "expected bool_param");
  EXPECT_EQ(refusal_of("sequence_end", kTrue), "");
}

TEST(serving_request_parameters, of_tritons_names_only_the_known_may_come) {
  EXPECT_EQ(refusal_of("triton_enable_empty_final_response", kTrue), "");
  EXPECT_CONTAINS(refusal_of("triton_enable_empty_final_response", kSeven), "expected bool_param");
  EXPECT_CONTAINS(refusal_of("triton_x", kTrue), "reserved for Triton usage");
  EXPECT_EQ(refusal_of("tritonic", kTrue), "");
}

TEST(serving_request_parameters, classes_stand_beside_the_outputs_that_want_them) {
  EXPECT(*classes_of(varint_field(2, 3)) == std::vector<std::uint32_t>({0, 3}));
  EXPECT(classes_of(varint_field(2, 0))->empty());
}

TEST(serving_request_parameters, classes_have_a_bound) {
  EXPECT(*classes_of(varint_field(2, wire::kClassesMax)) ==
         std::vector<std::uint32_t>({0, wire::kClassesMax}));
  EXPECT_EQ(classes_of(varint_field(2, wire::kClassesMax + 1)).error().why,
            "output \"a\": classification may ask for at most 65536 classes, got 65537");
  EXPECT_EQ(classes_of(kText).error().why,
            "output \"a\": invalid value type for 'classification' parameter, expected int64_param "
            "or uint64_param.");
}

}  // namespace penstock::testing
