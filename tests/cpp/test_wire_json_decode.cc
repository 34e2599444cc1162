// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <limits>

#include "harness.h"
#include "json_requests.h"
#include "wire/json_infer_decode.h"
#include "wire/limits.h"
#include "wire_messages.h"

namespace penstock {
namespace {

using testing::bytes_of_values;
using testing::json_input;
using testing::JsonDecoded;

std::string numbers_of(std::string_view datatype, std::string_view data, std::size_t count) {
  const JsonDecoded decoded(json_input(datatype, "[" + std::to_string(count) + "]", data));
  EXPECT_EQ(decoded.why(), "");
  return decoded.bytes();
}

std::string refusal_of(std::string_view datatype, std::string_view shape, std::string_view data) {
  const JsonDecoded decoded(json_input(datatype, shape, data));
  EXPECT(decoded.request.inputs.empty());
  return decoded.why();
}

TEST(wire_json_decode, every_datatype_has_its_bytes) {
  EXPECT_EQ(numbers_of("BOOL", "[true,false,1,0]", 4), std::string("\1\0\1\0", 4));
  EXPECT_EQ(numbers_of("UINT8", "[0,255]", 2), bytes_of_values<std::uint8_t>({0, 255}));
  EXPECT_EQ(numbers_of("UINT16", "[65535]", 1), bytes_of_values<std::uint16_t>({65535}));
  EXPECT_EQ(numbers_of("UINT32", "[4294967295]", 1), bytes_of_values<std::uint32_t>({4294967295U}));
  EXPECT_EQ(numbers_of("UINT64", "[18446744073709551615, 9007199254740993]", 2),
            bytes_of_values<std::uint64_t>({18446744073709551615U, 9007199254740993U}));
  EXPECT_EQ(numbers_of("INT8", "[-128,127]", 2), bytes_of_values<std::int8_t>({-128, 127}));
  EXPECT_EQ(numbers_of("INT16", "[-32768]", 1), bytes_of_values<std::int16_t>({-32768}));
  EXPECT_EQ(numbers_of("INT32", "[-2147483648]", 1),
            bytes_of_values<std::int32_t>({std::numeric_limits<std::int32_t>::min()}));
  EXPECT_EQ(numbers_of("INT64", "[-9223372036854775808,9223372036854775807]", 2),
            bytes_of_values<std::int64_t>({std::numeric_limits<std::int64_t>::min(),
                                           std::numeric_limits<std::int64_t>::max()}));
  EXPECT_EQ(numbers_of("FP16", "[1, -2.5, 1e9]", 3),
            bytes_of_values<std::uint16_t>({0x3c00, 0xc100, 0x7c00}));
  EXPECT_EQ(numbers_of("BF16", "[1.0]", 1), bytes_of_values<std::uint16_t>({0x3f80}));
  EXPECT_EQ(numbers_of("FP32", "[0.1, -0.0, 1e39, 7]", 4),
            bytes_of_values<float>({0.1F, -0.0F, INFINITY, 7}));
  EXPECT_EQ(numbers_of("FP64", "[0.1, 5e-324, 1.7976931348623157e308]", 3),
            bytes_of_values<double>({0.1, 5e-324, 1.7976931348623157e308}));
  EXPECT_EQ(
      numbers_of("BYTES", R"(["a", "", "\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t\u0000" ])", 3),
      std::string("\1\0\0\0a\0\0\0\0\017\0\0\0\xc3\xa9\xf0\x9f\x98\x80\"\\/\b\f\n\r\t\0", 28));
}

TEST(wire_json_decode, numbers_that_are_none_in_json_are_read_as_rapidjson_reads_them) {
  const std::string bytes = numbers_of("FP32", "[Infinity, -Infinity,Inf ,-Inf, NaN\n]", 5);
  EXPECT_EQ(bytes.substr(0, 16),
            bytes_of_values<float>({INFINITY, -INFINITY, INFINITY, -INFINITY}));
  float last;
  std::memcpy(&last, bytes.data() + 16, sizeof last);
  EXPECT(std::isnan(last));
  EXPECT_CONTAINS(refusal_of("FP32", "[1]", "[Nan]"), "\"Nan\"");
  EXPECT_CONTAINS(refusal_of("INT32", "[1]", "[NaN]"), "INT32 cannot hold");
  EXPECT_CONTAINS(refusal_of("FP64", "[1]", "[1e999]"), "FP64 cannot hold");
}

TEST(wire_json_decode, what_a_datatype_cannot_hold_is_refused_by_element) {
  EXPECT_EQ(refusal_of("INT8", "[2]", "[1, 128]"),
            "Unable to parse 'data': input \"x\": element 1 is \"128\", which INT8 cannot hold");
  EXPECT_CONTAINS(refusal_of("UINT8", "[1]", "[-1]"), "\"-1\"");
  EXPECT_CONTAINS(refusal_of("UINT64", "[1]", "[18446744073709551616]"), "UINT64 cannot hold");
  EXPECT_CONTAINS(refusal_of("INT64", "[1]", "[9223372036854775808]"), "INT64 cannot hold");
  EXPECT_CONTAINS(refusal_of("INT32", "[1]", "[1.0]"), "\"1.0\"");
  EXPECT_CONTAINS(refusal_of("INT32", "[1]", "[\"1\"]"), "the string \"1\"");
  EXPECT_CONTAINS(refusal_of("FP32", "[1]", "[null]"), "\"null\"");
  EXPECT_CONTAINS(refusal_of("FP32", "[1]", "[{}]"), "an object");
  EXPECT_CONTAINS(refusal_of("BOOL", "[1]", "[2]"), "\"2\"");
  EXPECT_CONTAINS(refusal_of("BYTES", "[1]", "[1]"), "\"1\"");
  EXPECT_CONTAINS(refusal_of("FP32", "[1]", "[01]"), "\"01\"");
  EXPECT_CONTAINS(refusal_of("FP32", "[1]", "[+1]"), "\"+1\"");
}

TEST(wire_json_decode, nesting_is_read_in_row_major_order_whatever_it_is) {
  const std::string wanted = bytes_of_values<std::int32_t>({1, 2, 3, 4});
  for (const char* data : {"[1,2,3,4]", "[[1,2],[3,4]]", "[[[1],[2]],[[3],[4]]]", "[[1,[2,3]],4]",
                           " [ [ 1 , 2 ] , [ ] , [ 3 , 4 ] ] "}) {
    EXPECT_EQ(JsonDecoded(json_input("INT32", "[2,2]", data)).bytes(), wanted);
  }
}

TEST(wire_json_decode, nesting_is_bounded) {
  // The request, its inputs and the input are three of the 64.
  const std::string deepest = std::string(61, '[') + "7" + std::string(61, ']');
  EXPECT_EQ(JsonDecoded(json_input("UINT8", "[1]", deepest)).bytes(), "\7");
  EXPECT_CONTAINS(refusal_of("UINT8", "[1]", "[" + deepest + "]"), "more than 64 deep");
  const std::string unknown =
      R"({"x":)" + std::string(100000, '[') + std::string(100000, ']') + R"(,"inputs":[]})";
  EXPECT_CONTAINS(JsonDecoded(unknown).why(), "more than 64 deep");
}

TEST(wire_json_decode, elements_are_as_many_as_the_shape_says) {
  EXPECT_EQ(refusal_of("FP32", "[1,3]", "[1,2,3,4]"),
            "Unable to parse 'data': Shape does not match true shape of 'data' field: input \"x\": "
            "shape [1,3] of FP32 needs 3 elements, got more");
  EXPECT_CONTAINS(refusal_of("FP32", "[1,3]", "[1,2]"), "needs 3 elements, got 2");
  EXPECT_CONTAINS(refusal_of("FP32", "[1000000000,1000]", "[1]"), "got at most");
  EXPECT_CONTAINS(refusal_of("FP32", "[9223372036854775807,2]", "[1]"), "more bytes than 63 bits");
  EXPECT_CONTAINS(refusal_of("FP32", "[-1]", "[1]"), "negative dimension");
  EXPECT_EQ(JsonDecoded(json_input("FP32", "[]", "[1.5]")).bytes(), bytes_of_values({1.5F}));
  EXPECT_EQ(JsonDecoded(json_input("FP32", "[0,4]", "[]")).why(), "");
  EXPECT_EQ(JsonDecoded(R"({"inputs":[{"name":"x","shape":[0],"datatype":"FP32"}]})").why(), "");
}

TEST(wire_json_decode, keys_come_in_any_order_and_may_be_escaped) {
  const JsonDecoded decoded(
      R"( {"outputs":[{"parameters":{"binary_data":true,"classification":3},"name":"y"}],
           "unknown":{"a":[1,{"b":null}],"c":NaN},
           "inputs":[{"data":[[1,2],[3,4]],"extra":[[]],"parameters":{"p":"q\n"},
                      "n\u0061me":"\u0078","shape":[2,2],"datatype":"UINT8"}],
           "parameters":{"sequence_id":7,"t":1.5,"big":18446744073709551615,"no":null,"on":true},
           "id":"a\u00e9"} )");
  EXPECT_EQ(decoded.why(), "");
  REQUIRE(decoded.request.inputs.size() == 1 && decoded.request.outputs.size() == 1);
  EXPECT_EQ(decoded.request.inputs[0].name, "x");
  EXPECT_EQ(decoded.bytes(), "\1\2\3\4");
  EXPECT_EQ(decoded.request.id, "a\xc3\xa9");
  const auto parameters = decoded.request.parameters_of(decoded.request.parameters);
  REQUIRE(parameters.size() == 4);
  EXPECT_EQ(parameters[0].name, "sequence_id");
  EXPECT(parameters[0].value == wire::ParameterValue(std::int64_t{7}));
  EXPECT(parameters[1].value == wire::ParameterValue(1.5));
  EXPECT(parameters[2].value == wire::ParameterValue(std::uint64_t{18446744073709551615U}));
  EXPECT(parameters[3].value == wire::ParameterValue(true));
  const auto own = decoded.request.parameters_of(decoded.request.inputs[0].parameters);
  REQUIRE(own.size() == 1);
  EXPECT(own[0].value == wire::ParameterValue(std::string_view("q\n")));
  const wire::RequestedOutput& output = decoded.request.outputs[0];
  EXPECT_EQ(output.name, "y");
  EXPECT_EQ(decoded.request.parameters_of(output.parameters).size(), 2);
  EXPECT(wire::wants_binary(decoded.request, output));
  EXPECT(!wire::wants_binary_by_default(decoded.request));
}

TEST(wire_json_decode, bytes_behind_the_json_are_viewed) {
  const JsonDecoded decoded(
      R"({"inputs":[{"name":"a","datatype":"UINT8","shape":[2],"parameters":{"binary_data_size":2}},
                    {"name":"b","datatype":"UINT8","shape":[1],"data":[9]},
                    {"name":"c","datatype":"BYTES","shape":[1],
                     "parameters":{"k":1,"binary_data_size":5,"l":2}}],
          "parameters":{"binary_data_output":true},"outputs":[{"name":"y"}]})",
      std::string("AB\1\0\0\0z", 7));
  EXPECT_EQ(decoded.why(), "");
  REQUIRE(decoded.request.inputs.size() == 3);
  EXPECT_EQ(decoded.bytes(0), "AB");
  EXPECT_EQ(decoded.bytes(1), "\x09");
  EXPECT_EQ(decoded.bytes(2), std::string("\1\0\0\0z", 5));
  EXPECT(decoded.request.inputs[0].bytes.bytes.data() ==
         decoded.body.bytes.data() + decoded.body.bytes.size() - 7);
  EXPECT_EQ(decoded.request.parameters_of(decoded.request.inputs[0].parameters).size(), 0);
  EXPECT_EQ(decoded.request.parameters_of(decoded.request.inputs[2].parameters).size(), 2);
  EXPECT(wire::wants_binary_by_default(decoded.request));
  EXPECT(wire::wants_binary(decoded.request, decoded.request.outputs[0]));
}

std::string binary_input(std::string_view size, std::string_view more = "") {
  return R"({"inputs":[{"name":"a","datatype":"UINT8","shape":[2])" + std::string(more) +
         R"(,"parameters":{"binary_data_size":)" + std::string(size) + "}}]}";
}

TEST(wire_json_decode, bytes_behind_the_json_are_exactly_those_announced) {
  EXPECT_EQ(JsonDecoded(binary_input("2"), "AB").why(), "");
  EXPECT_CONTAINS(JsonDecoded(binary_input("2"), "A").why(),
                  "unexpected size for input \"a\", expecting 1 additional bytes");
  EXPECT_CONTAINS(JsonDecoded(binary_input("2"), "ABC").why(),
                  "unexpected additional input data: 1 bytes");
  EXPECT_CONTAINS(JsonDecoded(binary_input("3"), "ABC").why(), "needs 2 bytes, got 3");
  EXPECT_CONTAINS(JsonDecoded(binary_input("9223372036854775807"), "AB").why(), "unexpected size");
  EXPECT_CONTAINS(JsonDecoded(binary_input("-1"), "AB").why(), "must be a number of bytes");
  EXPECT_CONTAINS(JsonDecoded(binary_input("2", R"(,"data":[1,2])"), "AB").why(), "only one of");
  EXPECT_CONTAINS(
      JsonDecoded(json_input("UINT8", "[1]", "[1],\"parameters\":{\"shared_memory_region\":\"r\"}"))
          .why(),
      "only one of");
}

TEST(wire_json_decode, an_input_in_shared_memory_has_no_bytes_yet) {
  const JsonDecoded decoded(
      R"({"inputs":[{"name":"a","datatype":"FP32","shape":[2],"parameters":
          {"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":4}}]})");
  EXPECT_EQ(decoded.why(), "");
  REQUIRE(decoded.request.inputs.size() == 1);
  EXPECT(decoded.bytes().empty());
  const auto parameters = decoded.request.parameters_of(decoded.request.inputs[0].parameters);
  REQUIRE(parameters.size() == 3);
  EXPECT(parameters[1].value == wire::ParameterValue(std::int64_t{8}));
}

TEST(wire_json_decode, what_is_no_json_is_refused) {
  const std::array texts = std::to_array<std::string_view>({
      "",
      "   ",
      "[]",
      "7",
      "{",
      "}",
      R"({"inputs":[]} {})",
      R"({"inputs":[]}])",
      R"({"inputs":[]]})",
      R"({"inputs":[})",
      R"({"inputs")",
      R"({"inputs":})",
      R"({"inputs":[],})",
      R"({inputs:[]})",
      R"({"inputs":[{]}})",
      R"({"inputs":[],"x":tru})",
      R"({"inputs":[],"x":[1 2]})",
      R"({"inputs":[],"x":{"a"}})",
      R"({"inputs":[],"x":"\x"})",
      "{\"inputs\":[],\"x\":\"\n\"}",
      "{\"inputs\":[],\"x\":\"\xff\"}",
      R"({"inputs":[],"x":"a)",
      R"({"id":"\ud800","inputs":[]})",
      R"({"id":"\udc00","inputs":[]})",
      R"({"id":"\q","inputs":[]})",
  });
  for (const std::string_view text : texts) {
    EXPECT(!JsonDecoded(text).result);
  }
}

TEST(wire_json_decode, what_a_request_must_say_is_missed_by_name) {
  const auto why = [](std::string_view json) { return JsonDecoded(json).why(); };
  EXPECT_CONTAINS(why("{}"), "Unable to parse 'inputs'");
  EXPECT_CONTAINS(why(R"({"inputs":7})"), "must be an array, got \"7\"");
  EXPECT_CONTAINS(why(R"({"inputs":[7]})"), "inputs[0] must be an object, got \"7\"");
  EXPECT_CONTAINS(why(R"({"inputs":[{}]})"), "inputs[0] has no name");
  EXPECT_CONTAINS(why(R"({"inputs":[{"name":"x"}]})"), "it has no datatype");
  EXPECT_CONTAINS(why(R"({"inputs":[{"name":"x","datatype":"FP8"}]})"), "unknown datatype \"FP8\"");
  EXPECT_CONTAINS(why(R"({"inputs":[{"name":"x","datatype":"FP32"}]})"), "it has no shape");
  EXPECT_CONTAINS(why(R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1]}]})"),
                  "came without elements");
  EXPECT_CONTAINS(why(R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1.5]}]})"),
                  "must be a whole number, got \"1.5\"");
  EXPECT_CONTAINS(why(R"({"id":7,"inputs":[]})"), "must be a string, got \"7\"");
  EXPECT_CONTAINS(why(R"({"inputs":[],"outputs":[{}]})"), "outputs[0] has no name");
  EXPECT_CONTAINS(why(R"({"inputs":[],"parameters":{"a":[]}})"),
                  "parameter \"a\" is an array; it should be a number, a boolean or a string");
  EXPECT_CONTAINS(why(R"({"inputs":[],"inputs":[]})"), "'inputs' is given more than once");
  EXPECT_CONTAINS(why(R"({"inputs":[{"name":"x","data":[],"data":[]}]})"), "more than once");
  EXPECT_CONTAINS(why(R"({"inputs":[],"outputs":[{"name":"a"},{"name":"a"}]})"),
                  "requested more than once");
}

// `count` times `one`, in which # is the number of each.
std::string list_of(std::size_t count, std::string_view one) {
  std::string list;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) list += ',';
    const std::size_t place = one.find('#');
    list += std::string(one.substr(0, place)) + std::to_string(i);
    list += one.substr(place + 1);
  }
  return list;
}

TEST(wire_json_decode, a_request_holds_as_much_as_its_limits_say) {
  const auto why = [](std::size_t inputs, std::size_t outputs, std::size_t parameters,
                      std::size_t id_bytes) {
    return JsonDecoded(
               R"({"inputs":[)" + list_of(inputs, R"({"name":"#","datatype":"INT8","shape":[0]})") +
               R"(],"outputs":[)" + list_of(outputs, R"({"name":"#"})") + R"(],"parameters":{)" +
               list_of(parameters, R"("#":1)") + R"(},"id":")" + std::string(id_bytes, 'i') + "\"}")
        .why();
  };
  EXPECT_EQ(
      why(wire::kInputsMax, wire::kRequestedOutputsMax, wire::kParametersMax, wire::kIdBytesMax),
      "");
  EXPECT_CONTAINS(why(wire::kInputsMax + 1, 0, 0, 0), "at most 1024 inputs");
  EXPECT_CONTAINS(why(0, wire::kRequestedOutputsMax + 1, 0, 0), "at most 1024 outputs");
  EXPECT_CONTAINS(why(0, 0, wire::kParametersMax + 1, 0), "at most 4096 parameters");
  EXPECT_CONTAINS(why(0, 0, 0, wire::kIdBytesMax + 1), "id may have at most 65536 bytes");
  EXPECT_CONTAINS(refusal_of("INT8", "[" + list_of(17, "#") + "]", "[]"), "at most 16 dimensions");
}

TEST(wire_json_decode, a_large_text_with_room_behind_it_is_read_where_it_lies) {
  std::string data = "[0";
  for (int i = 1; i < 50000; ++i) data += "," + std::to_string(i);
  const std::string json = json_input("INT32", "[50000]", data + "]");
  const JsonDecoded in_place(json, "", wire::kJsonPaddingBytes);
  const JsonDecoded copied(json);
  EXPECT_EQ(in_place.why(), "");
  EXPECT_EQ(in_place.bytes(), copied.bytes());
  const char* const name = in_place.request.inputs[0].name.data();
  const auto* const begin = reinterpret_cast<const char*>(in_place.body.bytes.data());
  EXPECT(name >= begin && name < begin + json.size());
}

TEST(wire_json_decode, a_scratch_serves_one_text_after_another) {
  wire::JsonScratch scratch;
  wire::InferRequest request;
  for (const std::size_t size : {10, 2000000, 10, 100000, 10}) {
    const std::string json = json_input("BYTES", "[1]", "[\"\\n" + std::string(size, 'a') + "\"]");
    const base::Slice body = testing::slice_of(json);
    const auto decoded = wire::decode_json_infer(scratch, body, json.size(), request);
    REQUIRE(decoded.has_value());
    EXPECT_EQ(request.inputs[0].bytes.bytes.size(), size + 5);
  }
}

}  // namespace
}  // namespace penstock
