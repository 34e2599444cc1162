// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "batching_doubles.h"
#include "harness.h"
#include "serving/shadow.h"
#include "serving/shadow_bind.h"
#include "shadow_doubles.h"

namespace penstock::testing {
namespace {

using base::DType;
using base::Tensor;
using serving::Mirror;
using serving::Shadow;
using serving::ShadowOptions;

base::TensorSpec spec(std::string name, DType dtype = DType::kFp32,
                      std::vector<std::int64_t> dims = {-1}) {
  return {.name = std::move(name), .dtype = dtype, .dims = std::move(dims)};
}

base::Signature signature_of(std::vector<base::TensorSpec> inputs,
                             std::vector<base::TensorSpec> outputs) {
  return {.inputs = std::move(inputs), .outputs = std::move(outputs), .batch_rows_max = 8};
}

// One shadow, told of pairs as the desk would.
struct Teller {
  explicit Teller(ShadowOptions options = {}, base::Signature primary = x_to_y())
      : shadow(std::move(options), 1), signature(std::make_shared<base::Signature>(primary)) {}

  void tell(std::vector<Tensor> inputs, std::vector<Tensor> answer, std::vector<Tensor> other,
            base::Nanos now = 0, std::int64_t rows = 1) {
    Mirror mirror{.signature = signature};
    mirror.inputs = std::move(inputs);
    mirror.outputs = std::move(answer);
    mirror.rows = rows;
    mirror.request_id = "r";
    mirror.compute_ns = 1000;
    const base::Result<std::vector<Tensor>> outputs = std::move(other);
    shadow.record({.mirror = mirror,
                   .signature = other_signature ? *other_signature : *signature,
                   .outputs = outputs,
                   .compute_ns = compute_ns},
                  now);
  }
  void tell(float input, float answer, float other, base::Nanos now = 0) {
    tell({floats({1, 1}, {input})}, {floats({1, 1}, {answer})}, {floats({1, 1}, {other})}, now);
  }

  Shadow shadow;
  std::shared_ptr<const base::Signature> signature;
  std::optional<base::Signature> other_signature;
  base::Nanos compute_ns = 0;
};

std::uint64_t mismatched(const serving::ShadowCounts& counts, judging::Mismatch kind) {
  return counts.mismatched[static_cast<std::size_t>(kind)];
}

Tensor absent() { return {.dtype = DType::kFp32, .shape = {}, .bytes = {}, .is_present = false}; }

}  // namespace

TEST(serving_shadow, outputs_are_compared_by_name_in_whatever_order_they_stand) {
  Teller teller({}, signature_of({spec("x")}, {spec("a"), spec("b")}));
  teller.other_signature = signature_of({spec("x")}, {spec("b"), spec("a"), spec("more")});
  const auto a = floats({1, 1}, {1});
  const auto b = floats({1, 1}, {2});
  teller.tell({a}, {a, b}, {b, a, a});
  const auto counts = teller.shadow.counts();
  EXPECT_EQ(counts.agreed, 1);
  REQUIRE(counts.outputs.size() == 2);
  EXPECT_EQ(counts.outputs[0].name, "a");
}

TEST(serving_shadow, a_pair_with_a_mismatch_is_compared_does_not_agree_and_counts_once_a_kind) {
  Teller teller({}, signature_of({spec("x")}, {spec("a"), spec("b")}));
  const auto row = floats({1, 1}, {1});
  const auto wide = floats({1, 2}, {1, 2});
  teller.tell({row}, {row, row}, {wide, wide});
  teller.other_signature = signature_of({spec("x")}, {spec("a")});
  teller.tell({row}, {row, row}, {row});
  const auto counts = teller.shadow.counts();
  EXPECT_EQ(counts.compared, 2);
  EXPECT_EQ(counts.agreed, 0);
  EXPECT_EQ(mismatched(counts, judging::Mismatch::kShape), 1);
  EXPECT_EQ(mismatched(counts, judging::Mismatch::kMissing), 1);
  EXPECT_EQ(counts.outputs[1].agreement.pairs, 2);
}

TEST(serving_shadow, an_output_that_nobody_asked_for_is_not_compared) {
  Teller teller({}, signature_of({spec("x")}, {spec("a"), spec("b")}));
  const auto row = floats({1, 1}, {1});
  teller.tell({row}, {row, absent()}, {row, floats({1, 1}, {5})});
  const auto counts = teller.shadow.counts();
  EXPECT_EQ(counts.agreed, 1);
  EXPECT_EQ(counts.outputs.size(), 1);
}

TEST(serving_shadow, latency_ratios_are_counted_by_quarters_of_a_doubling) {
  EXPECT_EQ(serving::latency_ratio_bucket(1000, 1000), 32);
  EXPECT_EQ(serving::latency_ratio_bucket(2000, 1000), 36);
  EXPECT_EQ(serving::latency_ratio_bucket(500, 1000), 28);
  EXPECT_EQ(serving::latency_ratio_bucket(1100, 1000), 32);
  EXPECT_EQ(serving::latency_ratio_bucket(999, 1000), 31);
  EXPECT_EQ(serving::latency_ratio_bucket(1, base::kSecond), 0);
  EXPECT_EQ(serving::latency_ratio_bucket(base::kSecond, 1), 63);
  Teller teller;
  teller.tell(1, 1, 1);  // cannot be compared
  teller.compute_ns = 4000;
  teller.tell(1, 1, 1);
  const auto counts = teller.shadow.counts();
  EXPECT_EQ(counts.latency_ratio[40], 1);
  EXPECT_EQ(std::ranges::count(counts.latency_ratio, 0U), 63);
}

TEST(serving_shadow, the_worst_slices_are_named_by_their_inputs) {
  Teller teller({}, signature_of({spec("age", DType::kFp32, {1}), spec("place")}, {spec("y")}));
  for (int i = 0; i < 1000; ++i) {
    const auto age = static_cast<float>(i % 100);
    const float answer = age >= 80 ? 2.0F : 1.0F;
    teller.tell({floats({1, 1}, {age}), floats({1, 2}, {age / 7, 0})}, {floats({1, 1}, {1})},
                {floats({1, 1}, {answer})});
  }
  const auto counts = teller.shadow.counts();
  REQUIRE(counts.worst.size() >= 2);
  EXPECT(counts.worst[0].column == "age" || counts.worst[0].column == "place[0]");
  EXPECT(counts.worst[0].slice.disagreement_min > 0.8);
  EXPECT(counts.worst.size() <= Shadow::kWorstSlices);
}

TEST(serving_shadow, each_row_of_a_request_is_in_a_slice_by_itself) {
  Teller teller;
  for (int i = 0; i < 300; ++i) {
    teller.tell({floats({2, 1}, {0, 1})}, {floats({2, 1}, {0, 0})}, {floats({2, 1}, {0, 9})}, 0, 2);
  }
  const auto counts = teller.shadow.counts();
  REQUIRE(counts.worst.size() == 1);
  EXPECT_EQ(counts.worst[0].slice.low, 1.0);
  EXPECT_EQ(counts.worst[0].slice.rows, 300);
  EXPECT_EQ(counts.worst[0].slice.agreed, 0);
}

TEST(serving_shadow, a_sensitive_input_is_neither_a_slice_nor_in_an_example) {
  Teller teller({.examples = {.count = 5}, .sensitive = {"age"}},
                signature_of({spec("age"), spec("place")}, {spec("y")}));
  for (int i = 0; i < 600; ++i) {
    teller.tell({floats({1, 1}, {12345}), floats({1, 1}, {678})}, {floats({1, 1}, {1})},
                {floats({1, 1}, {2})});
  }
  for (const auto& worst : teller.shadow.counts().worst) EXPECT_EQ(worst.column, "place");
  const auto examples = teller.shadow.examples(0);
  REQUIRE(examples.size() == 5);
  for (const auto& example : examples) {
    EXPECT(example.json.find("12345") == std::string::npos);
    EXPECT(example.json.find("678") != std::string::npos);
  }
}

TEST(serving_shadow, what_a_failure_says_is_in_no_example_where_an_input_is_sensitive) {
  for (const bool is_sensitive : {false, true}) {
    Shadow shadow(
        {.examples = {.count = 1},
         .sensitive = is_sensitive ? std::vector<std::string>{"age"} : std::vector<std::string>{}},
        1);
    const base::Signature signature = signature_of({spec("age")}, {spec("y")});
    Mirror mirror{.signature = std::make_shared<base::Signature>(signature)};
    mirror.inputs = {floats({1, 1}, {12345})};
    mirror.outputs = std::vector<Tensor>{floats({1, 1}, {1})};
    const base::Result<std::vector<Tensor>> failed =
        base::fail(base::Code::kInternal, "no such age: 12345");
    shadow.record({.mirror = mirror, .signature = signature, .outputs = failed}, 0);
    const auto examples = shadow.examples(0);
    REQUIRE(examples.size() == 1);
    EXPECT_EQ(examples[0].json.find("12345") == std::string::npos, is_sensitive);
  }
}

TEST(serving_shadow, examples_are_kept_only_when_asked_for_and_of_answers_that_differ) {
  Teller silent;
  silent.tell(1, 1, 2);
  EXPECT(silent.shadow.examples(0).empty());
  Teller teller({.examples = {.count = 3}});
  teller.tell(1, 1, 1);
  EXPECT(teller.shadow.examples(0).empty());
  teller.tell(7, 1, 2);
  const auto examples = teller.shadow.examples(0);
  REQUIRE(examples.size() == 1);
  EXPECT_EQ(examples[0].json,
            R"({"request_id":"r","inputs":[{"name":"x","datatype":"FP32","shape":[1,1],)"
            R"("data":[7]}],"primary":{"outputs":[{"name":"y","datatype":"FP32","shape":[1,1],)"
            R"("data":[1]}]},"shadow":{"outputs":[{"name":"y","datatype":"FP32","shape":[1,1],)"
            R"("data":[2]}]}})");
  EXPECT(examples[0].wall_ms > 1'500'000'000'000);
}

TEST(serving_shadow, examples_are_forgotten_when_they_are_too_old) {
  Teller teller({.examples = {.count = 3, .kept_ns = 100}});
  teller.tell(1, 1, 2, 0);
  teller.tell(1, 1, 3, 60);
  EXPECT_EQ(teller.shadow.examples(100).size(), 2);
  EXPECT_EQ(teller.shadow.examples(101).size(), 1);
  EXPECT(teller.shadow.examples(200).empty());
}

TEST(serving_shadow_bind, inputs_are_found_by_name_and_put_in_the_shadow_s_order) {
  DeskRig rig;
  const auto version = rig.load(
      {.name = "m"},
      signature_of({spec("b", DType::kInt64),
                    spec("a"),
                    {.name = "c", .dtype = DType::kFp32, .dims = {2}, .is_optional = true}},
                   {spec("y")}));
  Mirror mirror{.signature = std::make_shared<base::Signature>(
                    signature_of({spec("a"), spec("b", DType::kInt64), spec("d")}, {}))};
  const auto a = floats({2, 1}, {1, 2});
  mirror.inputs = {a, tensor_of<std::int64_t>(DType::kInt64, {2, 1}, {3, 4}), a};
  mirror.rows = 2;
  batching::Ticket ticket;
  REQUIRE(serving::bind_mirror(mirror, *version, ticket));
  REQUIRE(ticket.inputs.size() == 3);
  EXPECT_EQ(ticket.inputs[0].dtype, DType::kInt64);
  EXPECT_EQ(ticket.inputs[1].bytes.bytes.data(), a.bytes.bytes.data());
  EXPECT(!ticket.inputs[2].is_present);
  EXPECT_EQ(ticket.rows, 2);
  EXPECT_EQ(ticket.shape_key, batching::shape_key(ticket.inputs));
}

TEST(serving_shadow_bind, what_the_shadow_does_not_take_is_not_bound) {
  DeskRig rig;
  const auto version =
      rig.load({.name = "m"}, signature_of({spec("x", DType::kFp32, {2})}, {spec("y")}));
  const auto binds = [&](const Tensor& input, std::string name = "x", std::int64_t rows = 1) {
    Mirror mirror{.signature = std::make_shared<base::Signature>(
                      signature_of({spec(std::move(name), input.dtype)}, {}))};
    mirror.inputs = {input};
    mirror.rows = rows;
    batching::Ticket ticket;
    return serving::bind_mirror(mirror, *version, ticket);
  };
  EXPECT(binds(floats({1, 2}, {1, 2})));
  EXPECT(!binds(floats({1, 2}, {1, 2}), "z"));
  EXPECT(!binds(floats({1, 3}, {1, 2, 3})));
  EXPECT(!binds(floats({2}, {1, 2})));
  EXPECT(!binds(tensor_of<std::int32_t>(DType::kInt32, {1, 2}, {1, 2})));
  EXPECT(!binds(floats({9, 2}, std::vector<float>(18)), "x", 9));
  EXPECT(!binds(absent()));
}

}  // namespace penstock::testing
