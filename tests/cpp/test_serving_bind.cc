// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "batching/shape.h"
#include "harness.h"
#include "serving/bind.h"
#include "wire_messages.h"

namespace penstock::testing {
namespace {

using base::Code;
using base::DType;
using base::Signature;

// Decodes and binds, and keeps everything that views.
struct Bound {
  Bound(const Signature& signature, std::string_view message) : decoded(message) {
    PENSTOCK_CHECK(decoded.result.has_value());
    result = serving::bind_request(decoded.request, signature, "m", ticket, wanted);
  }
  std::string why() const { return result ? "" : result.error().why; }
  Code code() const { return result ? Code::kOk : result.error().code; }

  Decoded decoded;
  batching::Ticket ticket;
  std::vector<std::uint32_t> wanted;
  base::Result<> result;
};

std::string zeros(std::size_t bytes) { return raw_entry(std::string(bytes, '\0')); }

// a: FP32 [?,2], b: INT64 [?,any]; c and d come out; up to 4 rows.
Signature two_inputs() {
  return {.inputs = {{.name = "a", .dtype = DType::kFp32, .dims = {2}},
                     {.name = "b", .dtype = DType::kInt64, .dims = {-1}}},
          .outputs = {{.name = "c", .dtype = DType::kFp32, .dims = {2}},
                      {.name = "d", .dtype = DType::kFp32, .dims = {2}}},
          .batch_rows_max = 4};
}

std::string good(std::string_view more = {}) {
  return raw_input("a", "FP32", {3, 2}) + raw_input("b", "INT64", {3, 5}) + std::string(more) +
         zeros(24) + zeros(120);
}

std::string wants_output(std::string_view name, std::string_view more = {}) {
  return sized_field(6, sized_field(1, name) + std::string(more));
}

}  // namespace

TEST(serving_bind, a_request_that_fits_becomes_a_ticket) {
  const Bound bound(two_inputs(), good());
  EXPECT_EQ(bound.why(), "");
  REQUIRE(bound.ticket.inputs.size() == 2);
  EXPECT_EQ(bound.ticket.rows, 3);
  EXPECT(bound.ticket.inputs[0].shape == base::Shape({3, 2}));
  EXPECT(bound.ticket.inputs[1].dtype == DType::kInt64);
  EXPECT_EQ(bound.ticket.inputs[1].bytes.bytes.size(), 120);
  EXPECT_EQ(bound.ticket.shape_key, batching::shape_key(bound.ticket.inputs));
  EXPECT(bound.wanted.empty());
}

TEST(serving_bind, inputs_may_come_in_any_order) {
  const Bound bound(two_inputs(), raw_input("b", "INT64", {1, 5}) + raw_input("a", "FP32", {1, 2}) +
                                      zeros(40) + raw_entry(bytes_of_values({1.0F, 2.0F})));
  EXPECT_EQ(bound.why(), "");
  EXPECT_EQ(text_of(bound.ticket.inputs[0].bytes.bytes), bytes_of_values({1.0F, 2.0F}));
  EXPECT_EQ(bound.ticket.inputs[1].bytes.bytes.size(), 40);
}

TEST(serving_bind, a_ticket_is_filled_anew) {
  Bound bound(two_inputs(), good(wants_output("d")));
  REQUIRE(bound.wanted.size() == 1);
  const Decoded next(raw_input("a", "FP32", {1, 2}) + raw_input("b", "INT64", {1, 1}) + zeros(8) +
                     zeros(8));
  REQUIRE(serving::bind_request(next.request, two_inputs(), "m", bound.ticket, bound.wanted)
              .has_value());
  EXPECT_EQ(bound.ticket.inputs.size(), 2);
  EXPECT_EQ(bound.ticket.rows, 1);
  EXPECT(bound.wanted.empty());
}

TEST(serving_bind, a_wrong_datatype_names_both) {
  const Bound bound(two_inputs(), raw_input("a", "FP64", {1, 2}) + raw_input("b", "INT64", {1, 1}) +
                                      zeros(16) + zeros(8));
  EXPECT(bound.code() == Code::kInvalidArgument);
  EXPECT_EQ(bound.why(), "inference input 'a' data-type is 'FP64', but model 'm' expects 'FP32'");
}

TEST(serving_bind, a_wrong_shape_names_both) {
  for (const auto& [input, bytes, got] :
       {std::tuple{raw_input("a", "FP32", {1, 3}), 12, "[1,3]"},
        std::tuple{raw_input("a", "FP32", {2}), 8, "[2]"},
        std::tuple{raw_input("a", "FP32", {}), 4, "[]"},
        std::tuple{raw_input("a", "FP32", {1, 1, 2}), 8, "[1,1,2]"}}) {
    const Bound bound(two_inputs(), input + raw_input("b", "INT64", {1, 1}) +
                                        zeros(static_cast<std::size_t>(bytes)) + zeros(8));
    EXPECT(bound.code() == Code::kInvalidArgument);
    EXPECT_EQ(bound.why(),
              "unexpected shape for input 'a' for model 'm'. Expected [-1,2], got " +
                  std::string(got) +
                  ". The model has max_batch_size 4, so every shape has a first dimension, the "
                  "number of rows (1 to 4), in front of its dims [2]" +
                  (got == std::string("[2]") ? "; send one row as [1,2]" : ""));
  }
}

TEST(serving_bind, a_missing_input_is_named_with_those_wanted) {
  const Bound bound(two_inputs(), raw_input("a", "FP32", {1, 2}) + zeros(8));
  EXPECT(bound.code() == Code::kInvalidArgument);
  EXPECT_EQ(bound.why(),
            "expected 2 inputs but got 1 inputs for model 'm'. Input \"b\" is missing; the model's "
            "inputs are \"a\", \"b\"");
  EXPECT_CONTAINS(Bound(two_inputs(), "").why(),
                  "expected 2 inputs but got 0 inputs for model 'm'. Input \"a\" is missing");
  Signature one_is_optional = two_inputs();
  one_is_optional.inputs[0].is_optional = true;
  EXPECT_CONTAINS(Bound(one_is_optional, "").why(),
                  "expected number of inputs between 1 and 2 but got 0 inputs for model 'm'. Input "
                  "\"b\" is missing");
}

TEST(serving_bind, an_unknown_input_is_named_whether_it_is_one_too_many_or_a_wrong_name) {
  const std::string why =
      "unexpected inference input 'z' for model 'm'; its inputs are \"a\", \"b\"";
  const std::string extra = raw_input("a", "FP32", {1, 2}) + raw_input("b", "INT64", {1, 1}) +
                            raw_input("z", "BOOL", {1}) + zeros(8) + zeros(8) + zeros(1);
  const std::string instead =
      raw_input("a", "FP32", {1, 2}) + raw_input("z", "INT64", {1, 1}) + zeros(8) + zeros(8);
  for (const std::string& message : {extra, instead}) {
    const Bound bound(two_inputs(), message);
    EXPECT(bound.code() == Code::kInvalidArgument);
    EXPECT_EQ(bound.why(), why);
  }
}

TEST(serving_bind, inputs_must_agree_about_the_rows) {
  const Bound bound(two_inputs(), raw_input("a", "FP32", {2, 2}) + raw_input("b", "INT64", {3, 1}) +
                                      zeros(16) + zeros(24));
  EXPECT(bound.code() == Code::kInvalidArgument);
  EXPECT_EQ(
      bound.why(),
      "input 'b' batch size does not match other inputs for 'm': every input of a request must "
      "have the same number of rows (first dimension), this one has 3, another 2");
}

TEST(serving_bind, rows_are_at_least_one_and_at_most_the_models) {
  const Bound none(two_inputs(), raw_input("a", "FP32", {0, 2}) + raw_input("b", "INT64", {0, 1}) +
                                     raw_entry("") + raw_entry(""));
  EXPECT_EQ(none.why(), "input \"a\" of model \"m\": at least one row is wanted, got shape [0,2]");
  const Bound most(two_inputs(), raw_input("a", "FP32", {4, 2}) + raw_input("b", "INT64", {4, 0}) +
                                     zeros(32) + raw_entry(""));
  EXPECT_EQ(most.why(), "");
  EXPECT_EQ(most.ticket.rows, 4);
  const Bound more(two_inputs(), raw_input("a", "FP32", {5, 2}) + raw_input("b", "INT64", {5, 1}) +
                                     zeros(40) + zeros(40));
  EXPECT(more.code() == Code::kInvalidArgument);
  EXPECT_EQ(
      more.why(),
      "inference request batch-size must be <= 4 for 'm': input \"a\" has shape [5,2], which is 5 "
      "rows of [2]; send them in parts");
}

TEST(serving_bind, a_model_without_a_batch_dimension_wants_whole_shapes) {
  const Signature signature = {.inputs = {{.name = "a", .dtype = DType::kFp32, .dims = {2, -1}}},
                               .outputs = {{.name = "c", .dtype = DType::kFp32, .dims = {}}},
                               .batch_rows_max = 0};
  const Bound fits(signature, raw_input("a", "FP32", {2, 9}) + zeros(72));
  EXPECT_EQ(fits.why(), "");
  EXPECT_EQ(fits.ticket.rows, 1);
  const Bound not_fits(signature, raw_input("a", "FP32", {3, 9}) + zeros(108));
  EXPECT_EQ(
      not_fits.why(),
      "unexpected shape for input 'a' for model 'm'. Expected [2,-1], got [3,9]. The model "
      "has max_batch_size 0, so its dims [2,-1] are the whole shape, without a batch dimension "
      "in front");
  const Bound with_rows(signature, raw_input("a", "FP32", {1, 2, 9}) + zeros(72));
  EXPECT_EQ(
      with_rows.why(),
      "unexpected shape for input 'a' for model 'm'. Expected [2,-1], got [1,2,9]. The model "
      "has max_batch_size 0, so its dims [2,-1] are the whole shape, without a batch dimension "
      "in front; leave that out");
  EXPECT_EQ(Bound(signature, raw_input("a", "FP32", {2, 0}) + raw_entry("")).why(), "");
}

TEST(serving_bind, an_optional_input_may_be_left_out) {
  Signature signature = two_inputs();
  signature.inputs[0].is_optional = true;
  const Bound without(signature, raw_input("b", "INT64", {2, 1}) + zeros(16));
  EXPECT_EQ(without.why(), "");
  REQUIRE(without.ticket.inputs.size() == 2);
  EXPECT(!without.ticket.inputs[0].is_present);
  EXPECT(without.ticket.inputs[1].is_present);
  EXPECT_EQ(without.ticket.rows, 2);
  EXPECT_EQ(Bound(signature, good()).why(), "");
  // Its absence keeps two requests apart that would otherwise look alike.
  const Bound with(signature, raw_input("a", "FP32", {2, 2}) + raw_input("b", "INT64", {2, 1}) +
                                  zeros(16) + zeros(16));
  EXPECT(with.ticket.shape_key != without.ticket.shape_key);
  const Bound wrong(signature, raw_input("z", "INT64", {2, 1}) + raw_input("b", "INT64", {2, 1}) +
                                   zeros(16) + zeros(16));
  EXPECT_CONTAINS(wrong.why(), "unexpected inference input 'z' for model 'm'");
  signature.inputs[1].is_optional = true;
  const Bound nothing(signature, "");
  EXPECT_EQ(nothing.why(), "");
  EXPECT_EQ(nothing.ticket.rows, 1);
}

TEST(serving_bind, outputs_are_those_asked_for_in_the_order_of_the_request) {
  const Bound both(two_inputs(), good(wants_output("d") + wants_output("c")));
  EXPECT(both.wanted == std::vector<std::uint32_t>({1, 0}));
  const Bound one(two_inputs(), good(wants_output("d")));
  EXPECT(one.wanted == std::vector<std::uint32_t>({1}));
}

TEST(serving_bind, an_output_that_is_not_there_is_refused) {
  const Bound bound(two_inputs(), good(wants_output("q")));
  EXPECT(bound.code() == Code::kInvalidArgument);
  EXPECT_EQ(bound.why(),
            "unexpected inference output 'q' for model 'm'; its outputs are \"c\", \"d\"");
}

TEST(serving_bind, unknown_parameters_of_outputs_are_ignored) {
  const Bound fine(two_inputs(), good(wants_output("d", parameter(2, "x", varint_field(2, 3)))));
  EXPECT_EQ(fine.why(), "");
}

TEST(serving_bind, tickets_of_equal_shapes_have_equal_keys_whatever_their_rows) {
  const auto key = [](std::int64_t rows, std::int64_t width) {
    const Bound bound(two_inputs(), raw_input("a", "FP32", {rows, 2}) +
                                        raw_input("b", "INT64", {rows, width}) +
                                        zeros(static_cast<std::size_t>(rows * 8)) +
                                        zeros(static_cast<std::size_t>(rows * width * 8)));
    PENSTOCK_CHECK(bound.result.has_value());
    return bound.ticket.shape_key;
  };
  EXPECT_EQ(key(1, 5), key(4, 5));
  EXPECT(key(1, 5) != key(1, 6));
}

}  // namespace penstock::testing
