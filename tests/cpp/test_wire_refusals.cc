// SPDX-License-Identifier: Apache-2.0

// Every sentence with which a ModelInferRequest is refused before its model is known.

#include <string>

#include "harness.h"
#include "wire/limits.h"
#include "wire_messages.h"

namespace penstock {
namespace {

using testing::bytes_of_values;
using testing::Decoded;
using testing::fixed32_field;
using testing::parameter;
using testing::raw_entry;
using testing::raw_input;
using testing::sized_field;
using testing::typed_input;
using testing::varint_field;
using testing::varints;

void expect_refusal(const std::string& message, const std::string& why) {
  const Decoded decoded(message);
  EXPECT_EQ(decoded.why(), why);
  if (!decoded.result) EXPECT_EQ(decoded.result.error().code, base::Code::kInvalidArgument);
}

constexpr char kMalformed[] = "the message is not a well-formed ModelInferRequest: ";

TEST(wire_refusals, raw_bytes_must_fit_shape_and_datatype) {
  expect_refusal(raw_input("x", "FP32", {1, 16}) + raw_entry(std::string(60, 'a')),
                 R"(input "x": shape [1,16] of FP32 needs 64 bytes, got 60)");
  expect_refusal(raw_input("x", "INT16", {}) + raw_entry(""),
                 R"(input "x": shape [] of INT16 needs 2 bytes, got 0)");
  expect_refusal(raw_input("x", "BOOL", {0}) + raw_entry("a"),
                 R"(input "x": shape [0] of BOOL needs 0 bytes, got 1)");
}

TEST(wire_refusals, raw_bytes_elements_must_be_as_many_as_the_shape_says) {
  const std::string two =
      bytes_of_values<std::uint32_t>({1}) + "a" + bytes_of_values<std::uint32_t>({0});
  EXPECT_EQ(Decoded(raw_input("x", "BYTES", {2}) + raw_entry(two)).why(), "");
  expect_refusal(raw_input("x", "BYTES", {3}) + raw_entry(two),
                 R"(input "x": shape [3] of BYTES: element 2 needs a 4-byte length, got 0 bytes)");
  expect_refusal(raw_input("x", "BYTES", {1}) + raw_entry(two),
                 R"(input "x": shape [1] of BYTES has 4 bytes after its last element)");
  expect_refusal(raw_input("x", "BYTES", {2}) + raw_entry(two.substr(0, 7)),
                 R"(input "x": shape [2] of BYTES: element 1 needs a 4-byte length, got 2 bytes)");
  expect_refusal(
      raw_input("x", "BYTES", {1}) + raw_entry(bytes_of_values<std::uint32_t>({0xffffffff}) + "ab"),
      R"(input "x": shape [1] of BYTES: element 0 says 4294967295 bytes, 2 are left)");
}

TEST(wire_refusals, raw_entries_must_be_as_many_as_inputs) {
  const std::string inputs = raw_input("x", "UINT8", {1}) + raw_input("y", "UINT8", {1});
  expect_refusal(inputs + raw_entry("a"),
                 "got 1 raw_input_contents for 2 inputs; each input needs one, in order");
  expect_refusal(inputs + raw_entry("a") + raw_entry("b") + raw_entry("c"),
                 "got 3 raw_input_contents for 2 inputs; each input needs one, in order");
  expect_refusal(raw_entry("a"),
                 "got 1 raw_input_contents for 0 inputs; each input needs one, in order");
}

TEST(wire_refusals, raw_and_typed_do_not_go_together) {
  const std::string why =
      R"(input "y": it has typed contents, but the request also carries raw_input_contents; )"
      "use one of the two for all inputs";
  const std::string raw = raw_input("x", "UINT8", {1});
  const std::string typed = typed_input("y", "UINT8", {1}, varint_field(4, 1));
  expect_refusal(raw + typed + raw_entry("a"), why);
  expect_refusal(raw + typed + raw_entry("a") + raw_entry("b"), why);
  expect_refusal(raw_entry("a") + raw_entry("b") + raw + typed, why);
  expect_refusal(raw + raw_entry("a") + typed, why);
}

TEST(wire_refusals, an_input_needs_elements_from_somewhere) {
  const std::string why = R"(input "x": shape [1,2] of FP32 came without elements, neither in )"
                          "contents nor in raw_input_contents";
  expect_refusal(raw_input("x", "FP32", {1, 2}), why);
  expect_refusal(typed_input("x", "FP32", {1, 2}, ""), why);
}

TEST(wire_refusals, typed_elements_belong_in_the_field_of_their_datatype) {
  struct Field {
    const char* name;
    std::string one;
    std::string datatypes;
  };
  const Field fields[] = {
      {"bool_contents", varint_field(1, 1), "BOOL"},
      {"int_contents", varint_field(2, 1), "INT8 INT16 INT32"},
      {"int64_contents", varint_field(3, 1), "INT64"},
      {"uint_contents", varint_field(4, 1), "UINT8 UINT16 UINT32"},
      {"uint64_contents", varint_field(5, 1), "UINT64"},
      {"fp32_contents", fixed32_field(6, 1), "FP32 FP16 BF16"},
      {"fp64_contents", testing::fixed64_field(7, 1), "FP64"},
      {"bytes_contents", sized_field(8, ""), "BYTES"},
  };
  for (const Field& wanted : fields) {
    std::istringstream datatypes(wanted.datatypes);
    for (std::string datatype; datatypes >> datatype;) {
      for (const Field& found : fields) {
        const Decoded decoded(typed_input("x", datatype, {1}, found.one));
        EXPECT_EQ(decoded.why(), &wanted == &found
                                     ? ""
                                     : "input \"x\": " + datatype + " elements belong in " +
                                           wanted.name + ", found " + found.name);
      }
    }
  }
  expect_refusal(typed_input("x", "FP32", {1}, fixed32_field(6, 1) + varint_field(2, 1)),
                 R"(input "x": FP32 elements belong in fp32_contents, found int_contents)");
}

TEST(wire_refusals, typed_elements_must_be_as_many_as_the_shape_says) {
  expect_refusal(typed_input("x", "FP32", {1, 16}, sized_field(6, std::string(60, 'a'))),
                 R"(input "x": shape [1,16] of FP32 needs 16 elements in fp32_contents, got 15)");
  expect_refusal(typed_input("x", "INT8", {0}, varint_field(2, 1)),
                 R"(input "x": shape [0] of INT8 needs 0 elements in int_contents, got 1)");
  expect_refusal(typed_input("x", "BYTES", {1}, sized_field(8, "a") + sized_field(8, "b")),
                 R"(input "x": shape [1] of BYTES needs 1 elements in bytes_contents, got 2)");
  // What the shape claims is not allocated before it is seen.
  expect_refusal(typed_input("x", "INT64", {1LL << 59}, varint_field(3, 1)),
                 R"(input "x": shape [576460752303423488] of INT64 needs 576460752303423488 )"
                 "elements in int64_contents, got 1");
}

TEST(wire_refusals, typed_integers_must_fit_their_datatype) {
  const auto why = [](const char* datatype, std::uint32_t field, std::int64_t value) {
    const std::string elements = sized_field(field, varints({0, 0, value}));
    return Decoded(typed_input("x", datatype, {3}, elements)).why();
  };
  EXPECT_EQ(why("INT8", 2, 127), "");
  EXPECT_EQ(why("INT8", 2, -128), "");
  EXPECT_EQ(why("INT8", 2, 128),
            R"(input "x": element 2 of int_contents is 128, which INT8 cannot hold)");
  EXPECT_EQ(why("INT8", 2, -129),
            R"(input "x": element 2 of int_contents is -129, which INT8 cannot hold)");
  EXPECT_EQ(why("INT16", 2, 32767), "");
  EXPECT_EQ(why("INT16", 2, -32769),
            R"(input "x": element 2 of int_contents is -32769, which INT16 cannot hold)");
  EXPECT_EQ(why("UINT8", 4, 255), "");
  EXPECT_EQ(why("UINT8", 4, 256),
            R"(input "x": element 2 of uint_contents is 256, which UINT8 cannot hold)");
  EXPECT_EQ(why("UINT16", 4, 65536),
            R"(input "x": element 2 of uint_contents is 65536, which UINT16 cannot hold)");
}

TEST(wire_refusals, two_contents_messages_are_not_merged) {
  const std::string contents = sized_field(5, fixed32_field(6, 1));
  expect_refusal(sized_field(5, testing::input_head("x", "FP32", {2}) + contents + contents),
                 R"(input "x": it has 2 `contents` messages; put all elements into one)");
}

TEST(wire_refusals, dimensions_must_be_sane) {
  expect_refusal(raw_input("x", "FP32", {1, -1}) + raw_entry(""),
                 R"(input "x": shape [1,-1] of FP32 has a negative dimension; a request gives )"
                 "every dimension its size");
  const std::string too_many = " has more bytes than 63 bits can count";
  const std::int64_t large = std::int64_t{1} << 32;
  expect_refusal(raw_input("x", "UINT8", {large, large}) + raw_entry(""),
                 R"(input "x": shape [4294967296,4294967296] of UINT8)" + too_many);
  expect_refusal(raw_input("x", "UINT16", {large, large / 4}) + raw_entry(""),
                 R"(input "x": shape [4294967296,1073741824] of UINT16)" + too_many);
  expect_refusal(raw_input("x", "BYTES", {large, large / 8}) + raw_entry(""),
                 R"(input "x": shape [4294967296,536870912] of BYTES)" + too_many);
  expect_refusal(raw_input("x", "UINT8", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}),
                 R"(input "x": at most 16 dimensions are allowed, got 17)");
}

TEST(wire_refusals, inputs_need_a_name_and_a_datatype) {
  const std::string known =
      "; the datatypes are BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, "
      "BF16, FP32, FP64, BYTES";
  expect_refusal(raw_input("x", "UINT8", {0}) + raw_input("", "FP32", {1}),
                 "inputs[1] has no name");
  expect_refusal(raw_input("x", "", {1}), R"(input "x": it has no datatype)" + known);
  expect_refusal(raw_input("x", "float\n", {1}),
                 R"(input "x": unknown datatype "float\x0a")" + known);
  expect_refusal(raw_input("x", "fp32", {1}), R"(input "x": unknown datatype "fp32")" + known);
  expect_refusal(sized_field(6, ""), "outputs[0] has no name");
}

TEST(wire_refusals, names_must_be_distinct) {
  const auto inputs = [](int count) {
    std::string message = raw_input("twin", "UINT8", {0});
    for (int i = 0; i < count; ++i) message += raw_input("x" + std::to_string(i), "UINT8", {0});
    return message + raw_input("twin", "FP32", {0});
  };
  expect_refusal(inputs(0), R"(input "twin" is given more than once)");
  expect_refusal(inputs(100), R"(input "twin" is given more than once)");
  const std::string output = sized_field(6, sized_field(1, "y"));
  expect_refusal(output + output, R"(output "y" is requested more than once)");
}

TEST(wire_refusals, text_must_be_utf8) {
  expect_refusal(sized_field(1, "m\xff"), "model_name is not valid UTF-8");
  expect_refusal(sized_field(2, "\xc0\x80"), "model_version is not valid UTF-8");
  expect_refusal(sized_field(3, "\xed\xa0\x80"), "id is not valid UTF-8");
  expect_refusal(raw_input("x\xff", "UINT8", {0}),
                 R"(the name of input "x\xff" is not valid UTF-8)");
  expect_refusal(sized_field(6, sized_field(1, "\xff")),
                 R"(the name of output "\xff" is not valid UTF-8)");
  expect_refusal(parameter(4, "\xff", varint_field(1, 1)),
                 R"(the name of parameter "\xff" is not valid UTF-8)");
  expect_refusal(parameter(4, "p", sized_field(3, "\xff")),
                 R"(the value of parameter "p" is not valid UTF-8)");
}

TEST(wire_refusals, parameters_need_a_value) {
  const std::string why =
      R"(parameter "p" has no value; give it a bool, int64, string, double or uint64)";
  expect_refusal(parameter(4, "p", ""), why);
  expect_refusal(parameter(4, "p", varint_field(99, 1)), why);
  expect_refusal(sized_field(4, sized_field(1, "p")), why);
  expect_refusal(sized_field(5, testing::input_head("x", "UINT8", {0}) + parameter(4, "p", "")),
                 why);
  expect_refusal(sized_field(6, sized_field(1, "y") + parameter(2, "p", "")), why);
}

TEST(wire_refusals, counts_are_bounded) {
  std::string message;
  for (std::size_t i = 0; i <= wire::kInputsMax; ++i) {
    message += raw_input("x" + std::to_string(i), "UINT8", {0});
  }
  expect_refusal(message, "a request may carry at most 1024 inputs");
  message.clear();
  for (std::size_t i = 0; i <= wire::kRequestedOutputsMax; ++i) {
    message += sized_field(6, sized_field(1, "y" + std::to_string(i)));
  }
  expect_refusal(message, "a request may ask for at most 1024 outputs");
  message = sized_field(
      5, testing::input_head("x", "UINT8", {0}) + parameter(4, "p", varint_field(1, 1)));
  for (std::size_t i = 0; i < wire::kParametersMax; ++i) {
    message += parameter(4, "p" + std::to_string(i), varint_field(1, 1));
  }
  expect_refusal(message, "a request may carry at most 4096 parameters");
}

TEST(wire_refusals, an_id_is_bounded) {
  const std::string id(wire::kIdBytesMax, 'i');
  EXPECT_EQ(Decoded(sized_field(3, id)).why(), "");
  expect_refusal(sized_field(3, id + "i"), "id may have at most 65536 bytes, got 65537");
}

TEST(wire_refusals, protobuf_that_is_not_well_formed_is_named) {
  expect_refusal(
      "\x0a\x05"
      "abc",
      std::string(kMalformed) + "it ends inside a field");
  expect_refusal("\x08", std::string(kMalformed) + "it ends inside a field");
  for (const char* const field : {"\x0a", "\x3a", "\x7a"}) {  // the last is unknown
    for (const char* const length : {"\x80\x80\x80\x80\x10", "\x81\x80\x80\x80\x10",
                                     "\x81\x80\x80\x80\x80\x80\x80\x80\x80\x01"}) {
      expect_refusal(std::string(field) + length + "abcdef",
                     std::string(kMalformed) + "it ends inside a field");
    }
  }
  expect_refusal("\x0b",
                 std::string(kMalformed) + "a field has a wire type that proto3 does not use");
  expect_refusal(std::string(1, '\0') + "a",
                 std::string(kMalformed) + "a field has an impossible number");
  expect_refusal("\x08" + std::string(11, '\xff') + "\x01",
                 std::string(kMalformed) + "a varint is longer than 10 bytes");
  expect_refusal(typed_input("x", "FP32", {1}, sized_field(6, "abcde")),
                 std::string(kMalformed) + "a packed field ends inside an element");
  expect_refusal(typed_input("x", "INT32", {1}, sized_field(2, "\x01\x80")),
                 std::string(kMalformed) + "it ends inside a field");
  expect_refusal(typed_input("x", "INT32", {0}, sized_field(2, "\x80")),
                 std::string(kMalformed) + "it ends inside a field");
  expect_refusal(parameter(4, "p", "\x08"), std::string(kMalformed) + "it ends inside a field");
}

TEST(wire_refusals, sentences_stay_short_whatever_the_peer_writes) {
  const std::string long_name(1 << 20, 'n');
  for (const std::string& message :
       {raw_input(long_name, "FP32", {1}), raw_input("x", long_name, {1}),
        parameter(4, long_name, ""), raw_input(long_name, "FP32", {-1}),
        raw_input(long_name, "UINT8", {0}) + raw_input(long_name, "UINT8", {0})}) {
    const std::string why = Decoded(message).why();
    EXPECT_NE(why, "");
    EXPECT_LT(why.size(), 400);
  }
}

}  // namespace
}  // namespace penstock
