// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>

#include "golden/wire.h"
#include "harness.h"
#include "wire/infer_codec.h"
#include "wire/limits.h"
#include "wire_messages.h"

namespace penstock {
namespace {

using base::DType;
using testing::bytes_of_values;
using testing::Decoded;
using testing::fixed32_field;
using testing::fixed64_field;
using testing::input_head;
using testing::parameter;
using testing::raw_entry;
using testing::raw_input;
using testing::sized_field;
using testing::text_of;
using testing::typed_input;
using testing::unhex;
using testing::varint_field;
using testing::varints;

struct Golden {
  DType dtype;
  const char* raw;
  const char* raw_request;
  const char* typed_request;
};

#define GOLDEN(dtype, Name) \
  { DType::dtype, golden::Name##Raw, golden::Name##RawRequest, golden::Name##TypedRequest }
constexpr std::array kGolden = std::to_array<Golden>({
    GOLDEN(kBool, kBool),
    GOLDEN(kUint8, kUint8),
    GOLDEN(kUint16, kUint16),
    GOLDEN(kUint32, kUint32),
    GOLDEN(kUint64, kUint64),
    GOLDEN(kInt8, kInt8),
    GOLDEN(kInt16, kInt16),
    GOLDEN(kInt32, kInt32),
    GOLDEN(kInt64, kInt64),
    GOLDEN(kFp16, kFp16),
    GOLDEN(kFp32, kFp32),
    GOLDEN(kFp64, kFp64),
    GOLDEN(kBytes, kBytes),
});
#undef GOLDEN

void expect_golden(const Golden& golden, const char* request) {
  const Decoded decoded(unhex(request));
  EXPECT_EQ(decoded.why(), "");
  REQUIRE(decoded.request.inputs.size() == 1);
  const wire::InferInput& input = decoded.request.inputs[0];
  EXPECT_EQ(decoded.request.model_name, "m");
  EXPECT_EQ(input.name, "x");
  EXPECT_EQ(input.dtype, golden.dtype);
  EXPECT_EQ(input.shape.text(), "[2,3]");
  EXPECT_EQ(text_of(input.bytes.bytes), unhex(golden.raw));
}

TEST(wire_infer_decode, raw_and_typed_give_the_same_bytes_for_every_datatype) {
  for (const Golden& golden : kGolden) {
    expect_golden(golden, golden.raw_request);
    expect_golden(golden, golden.typed_request);
  }
}

TEST(wire_infer_decode, typed_bf16_is_rounded_from_floats) {
  const Decoded decoded(typed_input(
      "x", "BF16", {3}, sized_field(6, bytes_of_values({1.0F, -1.00390625F, INFINITY}))));
  EXPECT_EQ(decoded.why(), "");
  EXPECT_EQ(decoded.bytes(), bytes_of_values<std::uint16_t>({0x3f80, 0xbf80, 0x7f80}));
}

TEST(wire_infer_decode, a_full_request_of_another_implementation_is_read_whole) {
  const Decoded decoded(unhex(golden::kFullRawRequest));
  EXPECT_EQ(decoded.why(), "");
  const wire::InferRequest& request = decoded.request;
  EXPECT_EQ(request.model_name, "wide");
  EXPECT_EQ(request.model_version, "7");
  EXPECT_EQ(request.id, "r-1");

  const auto parameters = request.parameters_of(request.parameters);
  REQUIRE(parameters.size() == 5);
  EXPECT_EQ(parameters[0].name, "count");
  EXPECT_EQ(std::get<std::int64_t>(parameters[0].value), -5);
  EXPECT_EQ(parameters[1].name, "flag");
  EXPECT(std::get<bool>(parameters[1].value));
  EXPECT_EQ(parameters[2].name, "large");
  EXPECT_EQ(std::get<std::uint64_t>(parameters[2].value), UINT64_MAX);
  EXPECT_EQ(parameters[3].name, "ratio");
  EXPECT_EQ(std::get<double>(parameters[3].value), 0.25);
  EXPECT_EQ(parameters[4].name, "text");
  EXPECT_EQ(std::get<std::string_view>(parameters[4].value), "gr\xc3\xbcn");

  REQUIRE(request.inputs.size() == 3);
  EXPECT_EQ(request.inputs[0].shape.text(), "[1,16]");
  EXPECT_EQ(request.inputs[0].bytes.bytes.size(), 64);
  const auto of_input = request.parameters_of(request.inputs[0].parameters);
  REQUIRE(of_input.size() == 1);
  EXPECT_EQ(of_input[0].name, "sequence");
  EXPECT_EQ(std::get<std::string_view>(of_input[0].value), "first");
  EXPECT_EQ(request.inputs[1].shape.rank(), 0);
  EXPECT_EQ(text_of(request.inputs[1].bytes.bytes), bytes_of_values<std::int64_t>({9}));
  EXPECT(request.parameters_of(request.inputs[1].parameters).empty());
  EXPECT_EQ(request.inputs[2].shape.text(), "[0,4]");
  EXPECT(request.inputs[2].bytes.bytes.empty());

  REQUIRE(request.outputs.size() == 2);
  EXPECT_EQ(request.outputs[0].name, "scores");
  const auto of_output = request.parameters_of(request.outputs[0].parameters);
  REQUIRE(of_output.size() == 1);
  EXPECT_EQ(std::get<std::int64_t>(of_output[0].value), 3);
  EXPECT_EQ(request.outputs[1].name, "labels");
}

base::Slice slice_of(const std::string& message) {
  base::Buffer buffer = base::Buffer::allocate(message.size());
  std::memcpy(buffer.data(), message.data(), message.size());
  return {buffer, buffer.bytes()};
}

bool lies_within(std::span<const std::byte> part, std::span<const std::byte> whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

TEST(wire_infer_decode, raw_bytes_and_packed_floats_are_views_that_keep_the_message_alive) {
  for (const char* golden : {golden::kFp32RawRequest, golden::kFp32TypedRequest,
                             golden::kFp64TypedRequest, golden::kBytesRawRequest}) {
    base::Slice message = slice_of(unhex(golden));
    const std::span<const std::byte> bytes = message.bytes;
    wire::InferRequest request;
    REQUIRE(wire::decode_infer_request(message, request).has_value());
    EXPECT(lies_within(request.inputs[0].bytes.bytes, bytes));
    EXPECT_EQ(request.inputs[0].bytes.owner.data(), message.owner.data());
    message = {};
    EXPECT(request.inputs[0].bytes.owner.data() != nullptr);  // and ASan reads with us
    EXPECT(!text_of(request.inputs[0].bytes.bytes).empty());
  }
}

TEST(wire_infer_decode, typed_elements_that_are_decoded_start_aligned) {
  const Decoded decoded(unhex(golden::kInt64TypedRequest));
  REQUIRE(decoded.why().empty());
  const auto address =
      reinterpret_cast<std::uintptr_t>(decoded.request.inputs[0].bytes.bytes.data());
  EXPECT_EQ(address % base::kTensorAlignment, 0);
}

TEST(wire_infer_decode, the_same_object_is_decoded_into_again_without_allocating) {
  const base::Slice full = slice_of(unhex(golden::kFullRawRequest));
  const base::Slice small = slice_of(unhex(golden::kInt8RawRequest));
  wire::InferRequest request;
  REQUIRE(wire::decode_infer_request(full, request).has_value());
  const auto* inputs = request.inputs.data();
  const auto* parameters = request.parameters_pool.data();
  REQUIRE(wire::decode_infer_request(small, request).has_value());
  EXPECT_EQ(request.inputs.size(), 1);
  EXPECT(request.outputs.empty());
  EXPECT(request.parameters_of(request.parameters).empty());
  EXPECT_EQ(request.id, "");
  REQUIRE(wire::decode_infer_request(full, request).has_value());
  EXPECT(request.inputs.data() == inputs);
  EXPECT(request.parameters_pool.data() == parameters);
}

TEST(wire_infer_decode, a_failed_decode_leaves_an_empty_request) {
  const base::Slice full = slice_of(unhex(golden::kFullRawRequest));
  wire::InferRequest request;
  EXPECT(!wire::decode_infer_request({full.owner, full.bytes.first(120)}, request).has_value());
  EXPECT(request.inputs.empty());
  EXPECT(request.model_name.empty());
}

TEST(wire_infer_decode, an_empty_message_is_a_request_without_names_and_tensors) {
  const Decoded decoded("");
  EXPECT_EQ(decoded.why(), "");
  EXPECT(decoded.request.model_name.empty());
  EXPECT(decoded.request.inputs.empty());
}

TEST(wire_infer_decode, raw_entries_may_come_before_their_inputs) {
  const Decoded decoded(raw_entry("ab") + raw_input("x", "UINT8", {2}) + raw_entry("cde") +
                        raw_input("y", "UINT8", {3}));
  EXPECT_EQ(decoded.why(), "");
  EXPECT_EQ(decoded.bytes(), "ab");
  EXPECT_EQ(text_of(decoded.request.inputs[1].bytes.bytes), "cde");
}

TEST(wire_infer_decode, raw_entries_belong_to_the_inputs_that_are_not_in_shared_memory) {
  const auto shared = [](std::string_view name) {
    return sized_field(5, input_head(name, "INT8", {1}) +
                              parameter(4, "shared_memory_region", sized_field(3, "r")));
  };
  const std::string a = raw_input("a", "INT8", {1});
  const std::string c = raw_input("c", "INT8", {1});
  const std::string raws = raw_entry("A") + raw_entry("C");
  // Wherever the raw entries stand.
  for (const std::string& message :
       {a + shared("b") + c + shared("d") + raws, raws + a + shared("b") + c + shared("d"),
        a + raw_entry("A") + shared("b") + raw_entry("C") + c + shared("d"),
        a + raws + shared("b") + c + shared("d")}) {
    const Decoded decoded(message);
    EXPECT_EQ(decoded.why(), "");
    std::string bytes;
    for (const auto& input : decoded.request.inputs) bytes += text_of(input.bytes.bytes) + ".";
    EXPECT_EQ(bytes, "A..C..");
  }
  EXPECT_EQ(Decoded(shared("a") + shared("b")).why(), "");
  EXPECT_EQ(Decoded(a + shared("b") + raws).why(),
            "got 2 raw_input_contents for 1 inputs that are not in shared memory; each input needs "
            "one, in order");
  EXPECT_CONTAINS(Decoded(a + shared("b")).why(), "input \"a\": shape [1] of INT8 came without");
}

TEST(wire_infer_decode, parameters_scattered_over_the_message_stay_with_their_owners) {
  const std::string input = sized_field(
      5, testing::input_head("x", "UINT8", {1}) + parameter(4, "of x", varint_field(2, 1)));
  const std::string output =
      sized_field(6, sized_field(1, "y") + parameter(2, "of y", varint_field(2, 2)));
  const Decoded decoded(parameter(4, "first", varint_field(2, 3)) + input +
                        parameter(4, "second", varint_field(2, 4)) + output +
                        parameter(4, "third", varint_field(2, 5)) + raw_entry("z"));
  EXPECT_EQ(decoded.why(), "");
  const wire::InferRequest& request = decoded.request;
  const auto own = request.parameters_of(request.parameters);
  REQUIRE(own.size() == 3);
  EXPECT_EQ(own[0].name, "first");
  EXPECT_EQ(own[2].name, "third");
  REQUIRE(request.parameters_of(request.inputs[0].parameters).size() == 1);
  EXPECT_EQ(request.parameters_of(request.inputs[0].parameters)[0].name, "of x");
  REQUIRE(request.parameters_of(request.outputs[0].parameters).size() == 1);
  EXPECT_EQ(request.parameters_of(request.outputs[0].parameters)[0].name, "of y");
}

TEST(wire_infer_decode, of_parameters_with_one_name_the_last_counts) {
  for (const std::int64_t others : {1, 100}) {
    std::string message = parameter(4, "twin", varint_field(2, 1));
    for (std::int64_t i = 0; i < others; ++i) {
      message += parameter(4, "p" + std::to_string(i), varint_field(2, i));
    }
    message += parameter(4, "twin", sized_field(3, "last"));
    const Decoded decoded(message);
    const auto parameters = decoded.request.parameters_of(decoded.request.parameters);
    EXPECT_EQ(parameters.size(), others + 1);
    int found = 0;
    for (const wire::Parameter& each : parameters) {
      if (each.name != "twin") continue;
      ++found;
      EXPECT_EQ(std::get<std::string_view>(each.value), "last");
    }
    EXPECT_EQ(found, 1);
  }
}

TEST(wire_infer_decode, of_repeated_scalar_fields_the_last_counts) {
  const std::string head = testing::input_head("old", "FP64", {}) + sized_field(1, "x") +
                           sized_field(2, "UINT8") + varint_field(3, 2);
  const Decoded decoded(sized_field(1, "old") + sized_field(1, "new") + sized_field(5, head) +
                        raw_entry("ab"));
  EXPECT_EQ(decoded.why(), "");
  EXPECT_EQ(decoded.request.model_name, "new");
  EXPECT_EQ(decoded.request.inputs[0].name, "x");
  EXPECT_EQ(decoded.request.inputs[0].dtype, DType::kUint8);
}

TEST(wire_infer_decode, shapes_may_be_packed_or_not_or_both) {
  const std::string head = sized_field(1, "x") + sized_field(2, "UINT8") + varint_field(3, 1) +
                           sized_field(3, varints({2, 1})) + varint_field(3, 3);
  const Decoded decoded(sized_field(5, head) + raw_entry("abcdef"));
  EXPECT_EQ(decoded.why(), "");
  EXPECT_EQ(decoded.request.inputs[0].shape.text(), "[1,2,1,3]");
}

TEST(wire_infer_decode, typed_contents_may_be_packed_or_not_or_both) {
  const std::string ints = varint_field(2, -1) + sized_field(2, varints({2, 3})) +
                           sized_field(2, "") + varint_field(2, 4);
  const std::string expected = bytes_of_values<std::int16_t>({-1, 2, 3, 4});
  EXPECT_EQ(Decoded(typed_input("x", "INT16", {4}, ints)).bytes(), expected);

  const std::string floats = fixed32_field(6, 1) + sized_field(6, bytes_of_values({2.0F, 3.0F}));
  EXPECT_EQ(Decoded(typed_input("x", "FP32", {3}, floats)).bytes(),
            bytes_of_values({1.0F, 2.0F, 3.0F}));
  EXPECT_EQ(Decoded(typed_input("x", "FP32", {1}, fixed32_field(6, 1))).bytes(),
            bytes_of_values({1.0F}));

  const std::string doubles = sized_field(7, bytes_of_values({2.0, 3.0})) + fixed64_field(7, 1);
  EXPECT_EQ(Decoded(typed_input("x", "FP64", {3}, doubles)).bytes(),
            bytes_of_values({2.0, 3.0, 1.0}));

  const std::string bools = varint_field(1, 2) + sized_field(1, varints({0, 1LL << 40}));
  EXPECT_EQ(Decoded(typed_input("x", "BOOL", {3}, bools)).bytes(),
            bytes_of_values<std::uint8_t>({1, 0, 1}));
}

TEST(wire_infer_decode, wider_varints_are_cut_to_the_field_as_protobuf_does) {
  const std::int64_t wide = (std::int64_t{1} << 32) + 7;
  EXPECT_EQ(Decoded(typed_input("x", "INT8", {1}, varint_field(2, wide))).bytes(), "\x07");
  EXPECT_EQ(Decoded(typed_input("x", "UINT8", {1}, varint_field(4, wide))).bytes(), "\x07");
}

TEST(wire_infer_decode, an_empty_contents_message_is_none) {
  const Decoded raw(typed_input("x", "UINT8", {2}, "") + raw_entry("ab"));
  EXPECT_EQ(raw.why(), "");
  EXPECT_EQ(raw.bytes(), "ab");
  const Decoded empty(typed_input("x", "UINT8", {0}, ""));
  EXPECT_EQ(empty.why(), "");
}

TEST(wire_infer_decode, a_tensor_without_elements_needs_no_bytes) {
  EXPECT_EQ(Decoded(raw_input("x", "FP32", {0, 3})).why(), "");
  EXPECT_EQ(Decoded(raw_input("x", "BYTES", {0}) + raw_entry("")).why(), "");
  EXPECT_EQ(Decoded(typed_input("x", "INT8", {5, 0}, sized_field(2, ""))).why(), "");
}

TEST(wire_infer_decode, unknown_fields_and_known_fields_of_another_wire_type_are_skipped) {
  const std::string strange = varint_field(99, 5) + sized_field(1000, "abc") +
                              fixed32_field(98, 1) + fixed64_field(97, 1) + varint_field(1, 4) +
                              fixed32_field(7, 1);
  const std::string head = strange + testing::input_head("x", "UINT8", {1}) + varint_field(2, 4);
  const Decoded decoded(strange + sized_field(5, head) + raw_entry("a") + strange);
  EXPECT_EQ(decoded.why(), "");
  EXPECT_EQ(decoded.bytes(), "a");
}

TEST(wire_infer_decode, every_limit_can_be_reached) {
  std::string message;
  for (std::size_t i = 0; i < wire::kInputsMax; ++i) {
    message += raw_input("x" + std::to_string(i), "UINT8", {1}) + raw_entry("a");
  }
  for (std::size_t i = 0; i < wire::kRequestedOutputsMax; ++i) {
    message += sized_field(6, sized_field(1, "y" + std::to_string(i)));
  }
  for (std::size_t i = 0; i < wire::kParametersMax; ++i) {
    message += parameter(4, "p" + std::to_string(i), varint_field(1, 1));
  }
  message += sized_field(1, "m");
  const Decoded decoded(message);
  EXPECT_EQ(decoded.why(), "");
  EXPECT_EQ(decoded.request.inputs.size(), wire::kInputsMax);
  EXPECT_EQ(decoded.request.outputs.size(), wire::kRequestedOutputsMax);
  EXPECT_EQ(decoded.request.parameters_of(decoded.request.parameters).size(), wire::kParametersMax);
  const std::string sixteen = sized_field(
      5, testing::input_head("x", "UINT8", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(Decoded(sixteen + raw_entry("a")).why(), "");
}

}  // namespace
}  // namespace penstock
