// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "batching_doubles.h"
#include "harness.h"
#include "serving/shadow_examples.h"

namespace penstock::testing {
namespace {

using base::DType;
using serving::ExampleAnswer;
using serving::NamedTensor;
using serving::ShadowExamples;

// The `data` of one input.
std::string data_of(const base::Tensor& tensor) {
  const NamedTensor input{.name = "x", .tensor = &tensor};
  const std::string json =
      serving::example_json("", std::span(&input, 1), ExampleAnswer{}, ExampleAnswer{});
  const std::size_t begin = json.find("\"data\":") + 7;
  return json.substr(begin, json.find("}],\"primary\"") - begin);
}

}  // namespace

TEST(serving_shadow_examples, each_datatype_is_written_as_json_has_it) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(data_of(tensor_of<std::uint8_t>(DType::kBool, {2}, {0, 1})), "[false,true]");
  EXPECT_EQ(data_of(tensor_of<std::uint8_t>(DType::kUint8, {1}, {200})), "[200]");
  EXPECT_EQ(data_of(tensor_of<std::int8_t>(DType::kInt8, {1}, {-3})), "[-3]");
  EXPECT_EQ(data_of(tensor_of<std::uint16_t>(DType::kUint16, {1}, {65535})), "[65535]");
  EXPECT_EQ(data_of(tensor_of<std::int16_t>(DType::kInt16, {1}, {-3})), "[-3]");
  EXPECT_EQ(data_of(tensor_of<std::uint32_t>(DType::kUint32, {1}, {7})), "[7]");
  EXPECT_EQ(data_of(tensor_of<std::int32_t>(DType::kInt32, {1}, {-7})), "[-7]");
  EXPECT_EQ(data_of(tensor_of<std::uint64_t>(DType::kUint64, {1}, {~0ULL})),
            "[18446744073709551615]");
  EXPECT_EQ(data_of(tensor_of<std::int64_t>(DType::kInt64, {1}, {-7})), "[-7]");
  EXPECT_EQ(data_of(tensor_of<std::uint16_t>(DType::kFp16, {1}, {0x3e00})), "[1.5]");
  EXPECT_EQ(data_of(tensor_of<std::uint16_t>(DType::kBf16, {1}, {0x3fc0})), "[1.5]");
  EXPECT_EQ(data_of(tensor_of<double>(DType::kFp64, {2}, {0.1, 1e300})), "[0.1,1e+300]");
  EXPECT_EQ(data_of(floats({3}, {kInfinity, -kInfinity, kInfinity - kInfinity})),
            R"(["Infinity","-Infinity","NaN"])");
}

TEST(serving_shadow_examples, texts_are_escaped_and_what_is_no_text_is_base64) {
  EXPECT_EQ(data_of(texts({3}, {"a\"\\\n", "\xc3\xa9", ""})),
            "[\"a\\\"\\\\\\u000a\",\"\xc3\xa9\",\"\"]");
  EXPECT_EQ(data_of(texts({1}, {"\xff"})), R"([{"b64":"/w=="}])");
}

TEST(serving_shadow_examples, what_is_large_is_cut_and_says_so) {
  const std::vector<float> many(serving::kExampleElementsMax + 1, 1.0F);
  const std::string data = data_of(floats({static_cast<std::int64_t>(many.size())}, many));
  EXPECT(data.ends_with("],\"cut\":true"));
  EXPECT_EQ(std::ranges::count(data, '1'), serving::kExampleElementsMax);
  const std::string text(serving::kExampleTextMax + 1, 'a');
  EXPECT(data_of(texts({1}, {text})).ends_with("\",\"cut\":true}]"));
}

TEST(serving_shadow_examples, a_failure_is_told_in_place_of_outputs) {
  const base::Error error{base::Code::kInternal, "it \"broke\""};
  EXPECT_EQ(serving::example_json("id", {}, {.error = &error, .outputs = {}}, {}),
            R"({"request_id":"id","inputs":[],"primary":{"error":{"code":"INTERNAL",)"
            R"("message":"it \"broke\""}},"shadow":{"outputs":[]}})");
  EXPECT_EQ(serving::example_json("id", {},
                                  {.error = &error, .is_message_told = false, .outputs = {}}, {}),
            R"({"request_id":"id","inputs":[],"primary":{"error":{"code":"INTERNAL",)"
            R"("sensitive":true}},"shadow":{"outputs":[]}})");
}

TEST(serving_shadow_examples, never_more_are_kept_than_wanted_nor_than_the_bound) {
  for (const std::size_t wanted : {std::size_t{3}, serving::kExamplesMax + 50}) {
    ShadowExamples examples({.count = wanted});
    for (int i = 0; i < 1000; ++i) {
      if (examples.has_place()) examples.keep({.json = std::to_string(i)}, 0);
    }
    EXPECT_EQ(examples.all().size(), std::min(wanted, serving::kExamplesMax));
  }
}

TEST(serving_shadow_examples, every_pair_has_the_same_chance_to_be_kept) {
  constexpr int kPairs = 100;
  constexpr int kRounds = 2000;
  std::array<int, kPairs> kept{};
  ShadowExamples examples({.count = 10, .kept_ns = 0});
  for (int round = 0; round < kRounds; ++round) {
    examples.forget_old(2 * round);  // all of the last round
    for (int i = 0; i < kPairs; ++i) {
      if (examples.has_place()) {
        examples.keep({.json = std::to_string(i)}, 2 * round);
      }
    }
    for (const auto& example : examples.all()) {
      ++kept[static_cast<std::size_t>(std::stoi(example.json))];
    }
  }
  // 200 expected of each, with a standard deviation of 13.4.
  for (const int count : kept) EXPECT(count > 200 - 67 && count < 200 + 67);
}

}  // namespace penstock::testing
