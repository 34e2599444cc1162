// SPDX-License-Identifier: Apache-2.0
#include <numeric>
#include <vector>

#include "golden/wire.h"
#include "harness.h"
#include "wire/infer_codec.h"
#include "wire_messages.h"

namespace penstock {
namespace {

using testing::bytes_of_values;
using testing::text_of;
using testing::unhex;

base::Tensor tensor_of(base::DType dtype, base::Shape shape, const std::string& bytes) {
  base::Buffer buffer = base::Buffer::allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(buffer.data(), bytes.data(), bytes.size());
  return {.dtype = dtype, .shape = shape, .bytes = {buffer, buffer.bytes()}};
}

std::string joined(const wire::EncodedMessage& encoded) {
  std::string message;
  for (const base::Slice& piece : encoded.pieces) message += text_of(piece.bytes);
  return message;
}

std::string wide_bytes(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += static_cast<char>(i % 251);
  return bytes;
}

// The answer that golden/make.py describes.
struct GoldenAnswer {
  std::vector<base::Tensor> tensors = {
      tensor_of(base::DType::kFp32, {1, 4}, bytes_of_values({1.0F, 2.0F, 3.0F, 4.0F})),
      tensor_of(base::DType::kInt64, {}, bytes_of_values<std::int64_t>({-9})),
      tensor_of(base::DType::kBytes, {0, 200}, ""),
      tensor_of(base::DType::kUint8, {3, 1000}, wide_bytes(3000)),
      tensor_of(base::DType::kBool, {1}, "\x01"),
  };
  std::vector<wire::InferOutput> outputs = {
      {"scores", &tensors[0]}, {"scalar", &tensors[1]}, {"none", &tensors[2]},
      {"wide", &tensors[3]},   {"last", &tensors[4]},
  };
  wire::InferAnswer answer{"wide", "7", "r-1", outputs};
};

TEST(wire_infer_encode, an_answer_is_what_another_implementation_writes) {
  const GoldenAnswer golden;
  wire::EncodedMessage encoded;
  wire::encode_infer_answer(golden.answer, 0, encoded);
  EXPECT_EQ(joined(encoded), unhex(golden::kResponse));
  EXPECT_EQ(encoded.size, unhex(golden::kResponse).size());
}

TEST(wire_infer_encode, the_prefix_is_left_to_the_caller_and_counted) {
  const GoldenAnswer golden;
  wire::EncodedMessage encoded;
  wire::encode_infer_answer(golden.answer, 5, encoded);
  const std::string message = joined(encoded);
  EXPECT_EQ(message.size(), encoded.size);
  EXPECT_EQ(message.substr(5), unhex(golden::kResponse));
  REQUIRE(!encoded.pieces.empty());
  EXPECT_LE(std::size_t{5}, encoded.pieces[0].bytes.size());
  EXPECT_EQ(static_cast<const void*>(encoded.pieces[0].bytes.data()),
            static_cast<const void*>(encoded.pieces[0].owner.data()));
}

TEST(wire_infer_encode, large_tensors_are_referred_to_and_the_rest_is_one_block) {
  const GoldenAnswer golden;
  wire::EncodedMessage encoded;
  wire::encode_infer_answer(golden.answer, 5, encoded);
  REQUIRE(encoded.pieces.size() == 3);
  EXPECT(encoded.pieces[1].bytes.data() == golden.tensors[3].bytes.bytes.data());
  EXPECT(encoded.pieces[1].owner.data() == golden.tensors[3].bytes.owner.data());
  EXPECT(encoded.pieces[0].owner.data() == encoded.pieces[2].owner.data());
  const std::size_t block = encoded.pieces[0].bytes.size() + encoded.pieces[2].bytes.size();
  EXPECT_EQ(block, encoded.pieces[0].owner.size());
}

TEST(wire_infer_encode, the_referred_size_begins_where_it_says) {
  for (const std::size_t size : {wire::kReferredBytesMin - 1, wire::kReferredBytesMin}) {
    const base::Tensor tensor =
        tensor_of(base::DType::kUint8, {static_cast<std::int64_t>(size)}, wide_bytes(size));
    const wire::InferOutput output{"y", &tensor};
    wire::EncodedMessage encoded;
    wire::encode_infer_answer({"m", "1", "", {&output, 1}}, 5, encoded);
    EXPECT_EQ(encoded.pieces.size(), size < wire::kReferredBytesMin ? 1 : 2);
    EXPECT_EQ(joined(encoded).substr(encoded.size - size), wide_bytes(size));
  }
}

TEST(wire_infer_encode, an_answer_without_outputs_is_its_names) {
  wire::EncodedMessage encoded;
  wire::encode_infer_answer({"m", "", "", {}}, 0, encoded);
  EXPECT_EQ(joined(encoded), unhex(golden::kEmptyResponse));
  wire::encode_infer_answer({"", "", "", {}}, 5, encoded);
  EXPECT_EQ(encoded.size, 5);
  EXPECT_EQ(encoded.pieces.size(), 1);
  wire::encode_infer_answer({"", "", "", {}}, 0, encoded);
  EXPECT_EQ(encoded.size, 0);
  EXPECT(encoded.pieces.empty());
}

// Names, dimensions and tensors around every length at which a varint grows.
TEST(wire_infer_encode, sizes_are_exact_where_varints_grow) {
  for (const std::size_t length : {0UL, 1UL, 127UL, 128UL, 129UL, 2047UL, 16383UL, 16384UL}) {
    const std::string name = wide_bytes(length);
    const base::Tensor tensor =
        tensor_of(base::DType::kUint8, {static_cast<std::int64_t>(length), 1}, name);
    const wire::InferOutput outputs[] = {{name, &tensor}, {"second", &tensor}};
    wire::EncodedMessage encoded;
    wire::encode_infer_answer({name, name, name, outputs}, 5, encoded);
    std::string expected;
    for (const std::uint32_t field : {1U, 2U, 3U}) {
      if (length > 0) expected += testing::sized_field(field, name);
    }
    const std::string dims = testing::varints({static_cast<std::int64_t>(length), 1});
    for (const std::string& output : {name, std::string("second")}) {
      std::string message;
      if (!output.empty()) message += testing::sized_field(1, output);
      message += testing::sized_field(2, "UINT8") + testing::sized_field(3, dims);
      expected += testing::sized_field(5, message);
    }
    expected += testing::sized_field(6, name) + testing::sized_field(6, name);
    EXPECT(joined(encoded).substr(5) == expected);
  }
}

TEST(wire_infer_encode, the_same_object_is_encoded_into_again) {
  const GoldenAnswer golden;
  wire::EncodedMessage encoded;
  wire::encode_infer_answer(golden.answer, 5, encoded);
  const auto* pieces = encoded.pieces.data();
  wire::encode_infer_answer({"m", "", "", {}}, 0, encoded);
  EXPECT_EQ(joined(encoded), unhex(golden::kEmptyResponse));
  EXPECT(encoded.pieces.data() == pieces);
}

TEST(wire_infer_encode, an_output_in_shared_memory_has_its_place_and_empty_contents) {
  const GoldenAnswer golden;
  std::vector<wire::InferOutput> outputs = golden.outputs;
  outputs[3].shared = {.region = "a region", .offset = std::uint64_t{1} << 40, .byte_size = 3000};
  wire::EncodedMessage encoded;
  wire::encode_infer_answer({"wide", "7", "r-1", outputs}, 0, encoded);
  EXPECT_EQ(encoded.pieces.size(), 1);  // no large tensor is referred to
  const std::string message = joined(encoded);
  EXPECT_EQ(message.size(), encoded.size);
  const std::string place =
      testing::parameter(4, "shared_memory_region", testing::sized_field(3, "a region")) +
      testing::parameter(4, "shared_memory_byte_size", testing::varint_field(2, 3000)) +
      testing::parameter(4, "shared_memory_offset",
                         testing::varint_field(2, std::int64_t{1} << 40));
  EXPECT_CONTAINS(message,
                  testing::sized_field(5, testing::input_head("wide", "UINT8", {3, 1000}) + place));
  EXPECT(message.ends_with(testing::sized_field(6, "") + testing::sized_field(6, "") +
                           testing::sized_field(6, "\x01")));
}

}  // namespace
}  // namespace penstock
