// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "harness.h"
#include "json_requests.h"
#include "wire/json_v1_predict.h"
#include "wire_messages.h"

namespace penstock {
namespace {

using base::DType;
using testing::bytes_of_values;
using wire::V1Form;

struct V1Decoded {
  V1Decoded(base::Signature model, std::string_view json)
      : signature(std::move(model)),
        body(testing::slice_of(json)),
        form(wire::decode_v1_predict(*scratch, body, signature, request)) {}

  std::string why() const { return form ? "" : form.error().why; }
  std::string shape(std::size_t i = 0) const {
    return i < request.inputs.size() ? request.inputs[i].shape.text() : "none";
  }
  std::string bytes(std::size_t i = 0) const {
    return i < request.inputs.size() ? testing::bytes_text(request.inputs[i].bytes.bytes) : "none";
  }

  std::unique_ptr<wire::JsonScratch> scratch = std::make_unique<wire::JsonScratch>();
  base::Signature signature;
  base::Slice body;
  wire::InferRequest request;
  base::Result<V1Form> form;
};

base::Signature model(std::vector<std::pair<std::string, DType>> inputs) {
  base::Signature signature;
  for (auto& [name, dtype] : inputs) {
    signature.inputs.push_back({.name = name, .dtype = dtype, .dims = {-1}});
  }
  return signature;
}

TEST(wire_json_v1, rows_of_the_only_input_stack_up) {
  const V1Decoded decoded(model({{"x", DType::kFp32}}),
                          R"({"signature_name":"s","instances":[[1,2.5],[3,NaN]],"more":{}})");
  EXPECT_EQ(decoded.why(), "");
  EXPECT(decoded.form.value() == V1Form::kRows);
  EXPECT_EQ(decoded.shape(), "[2,2]");
  EXPECT_EQ(decoded.request.inputs[0].name, "x");
  EXPECT_EQ(decoded.bytes().substr(0, 12), bytes_of_values<float>({1, 2.5, 3}));
  EXPECT_EQ(V1Decoded(model({{"x", DType::kInt8}}), R"({"instances":[1,2,3]})").shape(), "[3]");
  EXPECT_EQ(V1Decoded(model({{"x", DType::kInt8}}), R"({"instances":[[[]],[[]]]})").shape(),
            "[2,1,0]");
  EXPECT_EQ(V1Decoded(model({{"x", DType::kInt8}}), R"({"instances":[{"x":[7]}]})").bytes(), "\7");
}

TEST(wire_json_v1, rows_of_several_inputs_are_objects) {
  const V1Decoded decoded(model({{"a", DType::kInt8}, {"b", DType::kBytes}}),
                          R"({"instances":[{"a":[1,2],"b":"x"},{"b":"yz","a":[3,4]}]})");
  EXPECT_EQ(decoded.why(), "");
  EXPECT_EQ(decoded.shape(0), "[2,2]");
  EXPECT_EQ(decoded.bytes(0), "\1\2\3\4");
  EXPECT_EQ(decoded.shape(1), "[2]");
  EXPECT_EQ(decoded.bytes(1), std::string("\1\0\0\0x\2\0\0\0yz", 11));
}

TEST(wire_json_v1, columns_are_whole_tensors) {
  const V1Decoded one(model({{"x", DType::kInt8}}), R"({"inputs":[[1,2],[3,4]]})");
  EXPECT(one.form.value() == V1Form::kColumns);
  EXPECT_EQ(one.shape(), "[2,2]");
  const V1Decoded two(model({{"a", DType::kInt8}, {"b", DType::kBool}}),
                      R"({"inputs":{"b":[true],"a":5}})");
  EXPECT_EQ(two.why(), "");
  EXPECT_EQ(two.shape(0), "[]");
  EXPECT_EQ(two.bytes(0), "\5");
  EXPECT_EQ(two.shape(1), "[1]");
  const V1Decoded missing(model({{"a", DType::kInt8}, {"b", DType::kBool}}),
                          R"({"inputs":{"b":[true]}})");
  REQUIRE(missing.request.inputs.size() == 1);
  EXPECT_EQ(missing.request.inputs[0].name, "b");
}

TEST(wire_json_v1, bytes_may_be_base64) {
  const V1Decoded rows(model({{"x", DType::kBytes}}),
                       R"({"instances":[ { "b64" : "/wA=" }, "a", {"b64":""}]})");
  EXPECT_EQ(rows.why(), "");
  EXPECT_EQ(rows.bytes(), std::string("\2\0\0\0\xff\0\1\0\0\0a\0\0\0\0", 15));
  EXPECT_EQ(
      V1Decoded(model({{"x", DType::kBytes}}), R"({"instances":[{"x":{"b64":"YQ"}}]})").bytes(),
      std::string("\1\0\0\0a", 5));
  EXPECT_EQ(V1Decoded(model({{"b64", DType::kBytes}}), R"({"instances":[{"b64":"YQ"}]})").bytes(),
            std::string("\2\0\0\0YQ", 6));
  for (const char* wrong : {R"({"b64":"*"})", R"({"b64":1})", R"({"b64":"YQ","c":1})"}) {
    EXPECT_CONTAINS(
        V1Decoded(model({{"x", DType::kBytes}}), R"({"instances":[)" + std::string(wrong) + "]}")
            .why(),
        "an object other than");
  }
}

TEST(wire_json_v1, what_has_no_shape_is_refused) {
  const auto why = [](std::string_view json) {
    return V1Decoded(model({{"x", DType::kInt8}}), json).why();
  };
  for (const char* ragged : {"[[1],[2,3]]", "[[1],2]", "[1,[2]]", "[[],[1]]", "[[[1]],[[]]]",
                             "[[],1]", "[[[]],[]]", "[[],[[]]]"}) {
    EXPECT_CONTAINS(why(R"({"instances":)" + std::string(ragged) + "}"), "one shape");
    EXPECT_CONTAINS(why(R"({"inputs":)" + std::string(ragged) + "}"), "one shape");
  }
  const std::string deep = std::string(17, '[') + "1" + std::string(17, ']');
  EXPECT_CONTAINS(why(R"({"inputs":)" + deep + "}"), "at most 16 dimensions");
  EXPECT_CONTAINS(why(R"({"instances":)" + deep + "}"), "at most 16 dimensions");
  EXPECT_CONTAINS(why(R"({"instances":["a"]})"), "INT8 cannot hold");
  EXPECT_CONTAINS(why(R"({"instances":[300]})"), "INT8 cannot hold");
}

TEST(wire_json_v1, what_a_request_must_say_is_missed_by_name) {
  const auto why = [](std::string_view json) {
    return V1Decoded(model({{"a", DType::kInt8}, {"b", DType::kInt8}}), json).why();
  };
  EXPECT_CONTAINS(why("{}"), "neither 'instances' nor 'inputs'");
  EXPECT_CONTAINS(why(R"({"instances":[]})"), "'instances' is empty");
  EXPECT_CONTAINS(why(R"({"instances":{}})"), "must be an array, got an object");
  EXPECT_CONTAINS(why(R"({"instances":[1]})"), "must be an object with the inputs \"a\", \"b\"");
  EXPECT_CONTAINS(why(R"({"instances":[{"a":1}]})"), "instances[0] has no input \"b\"");
  EXPECT_CONTAINS(why(R"({"instances":[{"a":1,"a":1}]})"), "\"a\" is given more than once");
  EXPECT_CONTAINS(why(R"({"instances":[{"a":1,"b":1,"c":1}]})"), "the model has no input \"c\"");
  EXPECT_CONTAINS(why(R"({"instances":[{"a":1,"b":1}],"inputs":1})"), "only one of");
  EXPECT_CONTAINS(why("[1]"), "must be an object");
}

std::string answer_of(V1Form form, std::span<const wire::InferOutput> outputs) {
  wire::EncodedMessage message;
  const auto encoded = wire::encode_v1_answer(form, outputs, message);
  return encoded ? testing::text_of_message(message) : encoded.error().why;
}

base::Tensor tensor_of(DType dtype, base::Shape shape, const std::string& bytes) {
  return {.dtype = dtype, .shape = shape, .bytes = testing::slice_of(bytes)};
}

TEST(wire_json_v1, answers_are_nested_as_their_shapes_say) {
  const base::Tensor matrix = tensor_of(DType::kInt8, {2, 2}, "\1\2\3\4");
  const base::Tensor text = tensor_of(DType::kBytes, {2}, std::string("\1\0\0\0a\1\0\0\0\xff", 10));
  const base::Tensor scalar = tensor_of(DType::kFp32, {}, bytes_of_values<float>({1}));
  const std::array one = {wire::InferOutput{"y", &matrix}};
  const std::array two = {wire::InferOutput{"y", &matrix}, wire::InferOutput{"z", &text}};
  EXPECT_EQ(answer_of(V1Form::kRows, one), R"({"predictions":[[1,2],[3,4]]})");
  EXPECT_EQ(answer_of(V1Form::kColumns, one), R"({"outputs":[[1,2],[3,4]]})");
  EXPECT_EQ(answer_of(V1Form::kRows, two),
            R"({"predictions":[{"y":[1,2],"z":"a"},{"y":[3,4],"z":{"b64":"/w=="}}]})");
  EXPECT_EQ(answer_of(V1Form::kColumns, two),
            R"({"outputs":{"y":[[1,2],[3,4]],"z":["a",{"b64":"/w=="}]}})");
  const std::array bare = {wire::InferOutput{"s", &scalar}};
  EXPECT_EQ(answer_of(V1Form::kColumns, bare), R"({"outputs":1.0})");
  EXPECT_CONTAINS(answer_of(V1Form::kRows, bare), "not one row for each instance");
  const std::array uneven = {wire::InferOutput{"y", &matrix}, wire::InferOutput{"s", &scalar}};
  EXPECT_CONTAINS(answer_of(V1Form::kRows, uneven), "output \"s\" has shape []");
}

}  // namespace
}  // namespace penstock
