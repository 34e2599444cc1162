// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "harness.h"
#include "json_requests.h"
#include "wire/json_infer_encode.h"
#include "wire/json_messages.h"
#include "wire_messages.h"

namespace penstock {
namespace {

using base::DType;
using testing::bytes_of_values;
using testing::JsonDecoded;
using testing::slice_of;
using testing::text_of_message;
using wire::ElementsPlace;

base::Tensor tensor_of(DType dtype, base::Shape shape, const std::string& bytes) {
  return {.dtype = dtype, .shape = shape, .bytes = slice_of(bytes)};
}

std::string encoded(const wire::JsonAnswer& answer) {
  wire::EncodedMessage message;
  const auto json_bytes = wire::encode_json_answer(answer, message);
  EXPECT(json_bytes.has_value());
  const std::string text = text_of_message(message);
  EXPECT_EQ(text.size(), message.size);
  return text;
}

std::string data_of(const base::Tensor& tensor) {
  const wire::JsonOutput output{.name = "y", .tensor = &tensor};
  const std::string text = encoded(
      {.model_name = "m", .model_version = "1", .id = {}, .outputs = std::span(&output, 1)});
  const std::size_t begin = text.find("\"data\":") + 7;
  return text.substr(begin, text.size() - 3 - begin);
}

TEST(wire_json_encode, an_answer_names_its_model_and_its_outputs) {
  const base::Tensor tensor = tensor_of(DType::kInt32, {1, 2}, bytes_of_values<int>({1, -2}));
  const std::array outputs = {wire::JsonOutput{.name = "y\"", .tensor = &tensor}};
  EXPECT_EQ(encoded({.model_name = "m", .model_version = "1", .id = "a\n", .outputs = outputs}),
            R"({"id":"a\n","model_name":"m","model_version":"1","outputs":[)"
            R"({"name":"y\"","datatype":"INT32","shape":[1,2],"data":[1,-2]}]})");
  EXPECT_EQ(encoded({.model_name = "m", .model_version = "1", .id = {}, .outputs = {}}),
            R"({"model_name":"m","model_version":"1","outputs":[]})");
}

TEST(wire_json_encode, parameters_keep_their_kinds) {
  const base::Tensor tensor = tensor_of(DType::kUint8, {1}, "\1");
  const std::array parameters = std::to_array<wire::Parameter>({{"s", std::string_view("t")},
                                                                {"b", true},
                                                                {"i", std::int64_t{-1}},
                                                                {"u", std::uint64_t{1}},
                                                                {"d", 2.0}});
  const std::array outputs = {wire::JsonOutput{.name = "y",
                                               .tensor = &tensor,
                                               .place = ElementsPlace::kElsewhere,
                                               .parameters = parameters}};
  EXPECT_EQ(encoded({.model_name = "m",
                     .model_version = "1",
                     .id = {},
                     .parameters = std::span(parameters).first(1),
                     .outputs = outputs}),
            R"({"model_name":"m","model_version":"1","parameters":{"s":"t"},"outputs":[)"
            R"({"name":"y","datatype":"UINT8","shape":[1],)"
            R"("parameters":{"s":"t","b":true,"i":-1,"u":1,"d":2.0}}]})");
}

TEST(wire_json_encode, bytes_follow_the_json_in_order) {
  const std::string large(10000, 'L');
  const base::Tensor small = tensor_of(DType::kUint8, {2}, "AB");
  const base::Tensor big = tensor_of(DType::kUint8, {10000}, large);
  const std::array outputs = {
      wire::JsonOutput{.name = "a", .tensor = &small, .place = ElementsPlace::kBytes},
      wire::JsonOutput{.name = "b", .tensor = &big, .place = ElementsPlace::kBytes},
      wire::JsonOutput{.name = "c", .tensor = &small},
      wire::JsonOutput{.name = "d", .tensor = &small, .place = ElementsPlace::kBytes}};
  wire::EncodedMessage message;
  const auto json_bytes = wire::encode_json_answer(
      {.model_name = "m", .model_version = "1", .id = {}, .outputs = outputs}, message);
  REQUIRE(json_bytes.has_value());
  const std::string text = text_of_message(message);
  EXPECT_EQ(text.substr(*json_bytes), "AB" + large + "AB");
  EXPECT_CONTAINS(text, R"("parameters":{"binary_data_size":10000})");
  EXPECT_EQ(message.pieces.size(), 3);
  EXPECT(message.pieces[1].bytes.data() == big.bytes.bytes.data());
}

TEST(wire_json_encode, numbers_are_short_and_look_like_what_they_are) {
  EXPECT_EQ(data_of(tensor_of(DType::kFp32, {9},
                              bytes_of_values<float>({0.1F, 1, -0.0F, 1e20F, 1e-45F, 16777216,
                                                      INFINITY, -INFINITY, NAN}))),
            "[0.1,1.0,-0.0,1e+20,1e-45,16777216.0,Infinity,-Infinity,NaN]");
  EXPECT_EQ(data_of(tensor_of(DType::kFp64, {3}, bytes_of_values({0.1, 1e300, 5e-324}))),
            "[0.1,1e+300,5e-324]");
  EXPECT_EQ(data_of(tensor_of(DType::kFp16, {4},
                              bytes_of_values<std::uint16_t>({0x3c00, 0x0001, 0x7c00, 0xfe00}))),
            "[1.0,5.9604645e-08,Infinity,NaN]");
  EXPECT_EQ(data_of(tensor_of(DType::kBf16, {1}, bytes_of_values<std::uint16_t>({0x3f80}))),
            "[1.0]");
  EXPECT_EQ(data_of(tensor_of(DType::kUint64, {1},
                              bytes_of_values<std::uint64_t>({18446744073709551615U}))),
            "[18446744073709551615]");
  EXPECT_EQ(data_of(tensor_of(DType::kBool, {2}, std::string("\0\2", 2))), "[false,true]");
  EXPECT_EQ(data_of(tensor_of(DType::kFp32, {0}, "")), "[]");
}

TEST(wire_json_encode, strings_are_escaped_and_must_be_text) {
  EXPECT_EQ(data_of(tensor_of(DType::kBytes, {2},
                              std::string("\x0b\0\0\0\"\\\b\f\n\r\t\1\x1f\xc3\xa9\0\0\0\0", 19))),
            "[\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001F\xc3\xa9\",\"\"]");
  const base::Tensor tensor = tensor_of(DType::kBytes, {1}, std::string("\1\0\0\0\xff", 5));
  const wire::JsonOutput output{.name = "y", .tensor = &tensor};
  wire::EncodedMessage message;
  const auto refused = wire::encode_json_answer(
      {.model_name = "m", .model_version = "1", .id = {}, .outputs = std::span(&output, 1)},
      message);
  REQUIRE(!refused.has_value());
  EXPECT_CONTAINS(refused.error().why, "\"binary_data\": true");
  EXPECT(message.pieces.empty());
}

// Encodes a tensor as an answer, turns that into a request, and decodes it.
void expect_round_trip(DType dtype, const std::string& bytes, std::int64_t elements) {
  const base::Tensor tensor = tensor_of(dtype, {elements}, bytes);
  const JsonDecoded decoded(testing::json_input(
      base::name_of(dtype), "[" + std::to_string(elements) + "]", data_of(tensor)));
  EXPECT_EQ(decoded.why(), "");
  EXPECT(decoded.bytes() == bytes);
}

template <class T>
bool is_nan(DType dtype, T bits) {
  switch (dtype) {
    case DType::kFp16: return (bits & 0x7fff) > 0x7c00;
    case DType::kBf16: return (bits & 0x7fff) > 0x7f80;
    case DType::kFp32: return (bits & 0x7fffffff) > 0x7f800000;
    case DType::kFp64: return (bits & 0x7fffffffffffffff) > 0x7ff0000000000000;
    default: return false;
  }
}

// Random bits make every class of float: denormals, infinities, both zeros; a NaN keeps no payload
// and is left out.
template <class T>
void expect_round_trip_of_bits(DType dtype) {
  std::mt19937_64 random(static_cast<std::uint64_t>(dtype));
  std::string bytes;
  std::int64_t elements = 0;
  const auto add = [&](std::uint64_t bits) {
    const auto value = static_cast<T>(bits);
    if (is_nan<std::uint64_t>(dtype, value)) return;
    bytes += testing::bytes_of_value(value);
    ++elements;
  };
  for (int shift = 0; shift < 64; ++shift) {
    for (const int step : {-1, 0, 1}) {
      add((std::uint64_t{1} << shift) + static_cast<std::uint64_t>(step));
      add(~((std::uint64_t{1} << shift) + static_cast<std::uint64_t>(step)));
    }
  }
  for (int i = 0; i < 20000; ++i) add(random());
  for (int i = 0; i < 2000; ++i) add(random() & 0x000fffffffffffff);
  expect_round_trip(dtype, bytes, elements);
}

TEST(wire_json_encode, what_is_written_reads_back_bit_for_bit) {
  expect_round_trip_of_bits<std::uint8_t>(DType::kUint8);
  expect_round_trip_of_bits<std::uint16_t>(DType::kUint16);
  expect_round_trip_of_bits<std::uint32_t>(DType::kUint32);
  expect_round_trip_of_bits<std::uint64_t>(DType::kUint64);
  expect_round_trip_of_bits<std::uint8_t>(DType::kInt8);
  expect_round_trip_of_bits<std::uint16_t>(DType::kInt16);
  expect_round_trip_of_bits<std::uint32_t>(DType::kInt32);
  expect_round_trip_of_bits<std::uint64_t>(DType::kInt64);
  expect_round_trip_of_bits<std::uint16_t>(DType::kFp16);
  expect_round_trip_of_bits<std::uint16_t>(DType::kBf16);
  expect_round_trip_of_bits<std::uint32_t>(DType::kFp32);
  expect_round_trip_of_bits<std::uint64_t>(DType::kFp64);
}

TEST(wire_json_encode, every_character_reads_back) {
  std::string bytes;
  std::int64_t elements = 0;
  for (char32_t c = 0; c < 0x110000; c += c < 0x3000 ? 1 : 37) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    std::string text;
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      text += static_cast<char>(0xc0 | c >> 6);
      text += static_cast<char>(0x80 | (c & 63));
    } else if (c < 0x10000) {
      text += static_cast<char>(0xe0 | c >> 12);
      text += static_cast<char>(0x80 | (c >> 6 & 63));
      text += static_cast<char>(0x80 | (c & 63));
    } else {
      text += static_cast<char>(0xf0 | c >> 18);
      text += static_cast<char>(0x80 | (c >> 12 & 63));
      text += static_cast<char>(0x80 | (c >> 6 & 63));
      text += static_cast<char>(0x80 | (c & 63));
    }
    bytes += testing::bytes_of_value(static_cast<std::uint32_t>(text.size())) + text;
    ++elements;
  }
  expect_round_trip(DType::kBytes, bytes, elements);
}

TEST(wire_json_messages, metadata_says_what_the_protobuf_form_says) {
  const std::array<std::string_view, 2> extensions = {"classification", "sequence"};
  EXPECT_EQ(wire::encode_json_server_metadata(
                {.name = "triton", .version = "1.0", .extensions = extensions}),
            R"({"name":"triton","version":"1.0","extensions":["classification","sequence"]})");
  const base::Signature signature{.inputs = {{.name = "x", .dtype = DType::kFp32, .dims = {16}}},
                                  .outputs = {{.name = "y", .dtype = DType::kBytes, .dims = {}}},
                                  .batch_rows_max = 8};
  const std::array<std::string, 2> versions = {"1", "2"};
  EXPECT_EQ(wire::encode_json_model_metadata({.name = "m",
                                              .versions = versions,
                                              .platform = "onnxruntime_onnx",
                                              .signature = &signature}),
            R"({"name":"m","versions":["1","2"],"platform":"onnxruntime_onnx",)"
            R"("inputs":[{"name":"x","datatype":"FP32","shape":[-1,16]}],)"
            R"("outputs":[{"name":"y","datatype":"BYTES","shape":[-1]}]})");
}

TEST(wire_json_messages, metadata_has_the_notes_of_a_model_that_has_some) {
  const base::Signature signature{.inputs = {{.name = "a", .dtype = DType::kFp32, .dims = {1}},
                                             {.name = "b", .dtype = DType::kFp32, .dims = {1}}},
                                  .outputs = {{.name = "y", .dtype = DType::kBytes, .dims = {2}}}};
  const wire::ModelNotes notes{
      .properties = {{"owner", "vision"}, {"tier", "\"1\""}},
      .tensors = {{"b", "content_type", "np"}, {"y", "content_type", "str"}, {"b", "unit", "m/s"}}};
  EXPECT_EQ(
      wire::encode_json_model_metadata(
          {.name = "m", .versions = {}, .platform = "p", .signature = &signature, .notes = &notes}),
      R"({"name":"m","versions":[],"platform":"p",)"
      R"("inputs":[{"name":"a","datatype":"FP32","shape":[1]},)"
      R"({"name":"b","datatype":"FP32","shape":[1],)"
      R"("parameters":{"content_type":"np","unit":"m/s"}}],)"
      R"("outputs":[{"name":"y","datatype":"BYTES","shape":[2],)"
      R"("parameters":{"content_type":"str"}}],)"
      R"("properties":{"owner":"vision","tier":"\"1\""}})");
}

TEST(wire_json_messages, a_models_readiness_has_its_name) {
  EXPECT_EQ(wire::encode_json_model_ready("a\"b"), R"({"name":"a\"b","ready":true})");
}

TEST(wire_json_messages, an_error_is_json_whatever_it_says) {
  EXPECT_EQ(wire::encode_json_error("no \"x\"\n\xff"), R"({"error":"no \"x\"\n)"
                                                       "\xef\xbf\xbd\"}");
}

}  // namespace
}  // namespace penstock
