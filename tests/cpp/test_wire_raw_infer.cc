// SPDX-License-Identifier: Apache-2.0
#include "harness.h"
#include "json_requests.h"
#include "wire/json_infer_decode.h"
#include "wire/raw_infer.h"

namespace penstock {
namespace {

using base::DType;

struct RawDecoded {
  RawDecoded(base::Signature model, std::string_view text)
      : signature(std::move(model)),
        body(testing::slice_of(text)),
        result(wire::decode_raw_infer(body, signature, request)) {}

  std::string why() const { return result ? "" : result.error().why; }
  std::string shape() const { return result ? request.inputs[0].shape.text() : "none"; }

  base::Signature signature;
  base::Slice body;
  wire::InferRequest request;
  base::Result<> result;
};

base::Signature one_input(DType dtype, std::vector<std::int64_t> dims, std::int64_t rows_max) {
  return {.inputs = {{.name = "x", .dtype = dtype, .dims = std::move(dims)}},
          .outputs = {},
          .batch_rows_max = rows_max};
}

TEST(wire_raw_infer, the_body_is_the_only_inputs_bytes) {
  const RawDecoded decoded(one_input(DType::kInt16, {2, -1}, 8), "abcdefgh");
  EXPECT_EQ(decoded.why(), "");
  EXPECT_EQ(decoded.shape(), "[1,2,2]");
  EXPECT_EQ(decoded.request.inputs[0].name, "x");
  EXPECT(decoded.request.inputs[0].bytes.bytes.data() == decoded.body.bytes.data());
  EXPECT(wire::wants_binary_by_default(decoded.request));
  EXPECT_EQ(RawDecoded(one_input(DType::kUint8, {-1}, 0), "abc").shape(), "[3]");
  EXPECT_EQ(RawDecoded(one_input(DType::kUint8, {3}, 0), "abc").shape(), "[3]");
  EXPECT_EQ(RawDecoded(one_input(DType::kUint8, {-1}, 0), "").shape(), "[0]");
}

TEST(wire_raw_infer, bytes_are_one_element) {
  const RawDecoded decoded(one_input(DType::kBytes, {-1}, 4), "jpeg");
  EXPECT_EQ(decoded.shape(), "[1,1]");
  EXPECT_EQ(testing::bytes_text(decoded.request.inputs[0].bytes.bytes),
            std::string("\4\0\0\0jpeg", 8));
  EXPECT_CONTAINS(RawDecoded(one_input(DType::kBytes, {2}, 0), "jpeg").why(), "element 1");
}

TEST(wire_raw_infer, what_fits_no_shape_is_refused) {
  EXPECT_CONTAINS(RawDecoded(one_input(DType::kUint8, {-1, 2}, 0), "abc").why(),
                  "fits no shape [-1,2]");
  EXPECT_CONTAINS(RawDecoded(one_input(DType::kUint8, {-1, -1}, 0), "abc").why(),
                  "more than one dimension is open");
  EXPECT_CONTAINS(RawDecoded(one_input(DType::kInt32, {-1}, 0), "abcde").why(),
                  "needs 4 bytes, got 5");
  EXPECT_CONTAINS(RawDecoded(one_input(DType::kUint8, {4}, 0), "abc").why(),
                  "needs 4 bytes, got 3");
  EXPECT_CONTAINS(RawDecoded(one_input(DType::kUint8, {0, -1}, 0), "abc").why(), "fits no shape");
  base::Signature two = one_input(DType::kUint8, {1}, 0);
  two.inputs.push_back(two.inputs.front());
  EXPECT_CONTAINS(RawDecoded(two, "a").why(), "needs a model with one input, this one has 2");
}

}  // namespace
}  // namespace penstock
