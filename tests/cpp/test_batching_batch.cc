// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "batching/batch.h"
#include "batching_doubles.h"
#include "harness.h"

using namespace penstock;
using namespace penstock::testing;
using base::Code;
using base::DType;
using base::Tensor;
using batching::BatchRunner;
using batching::BatchView;
using batching::Reply;
using batching::Ticket;

namespace {

using Tickets = std::vector<std::unique_ptr<Ticket>>;
using Outputs = std::vector<Tensor>;

template <class... Ticket>
Tickets tickets_of(Ticket... tickets) {
  Tickets all;
  (all.push_back(std::move(tickets)), ...);
  return all;
}

Tensor absent() {
  Tensor tensor;
  tensor.is_present = false;
  return tensor;
}

bool is_aligned(const Tensor& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.bytes.bytes.data()) % 64 == 0;
}

// The same tensor one byte further on in memory.
Tensor unaligned(const Tensor& tensor) {
  const auto buffer = base::Buffer::allocate(tensor.bytes.bytes.size() + 1);
  std::memcpy(buffer.data() + 1, tensor.bytes.bytes.data(), tensor.bytes.bytes.size());
  Tensor moved = tensor;
  moved.bytes = {.owner = buffer, .bytes = buffer.bytes().subspan(1)};
  return moved;
}

template <class Execute>
std::vector<Reply> run(const base::Signature& signature, const Tickets& tickets, Execute execute,
                       bool takes_unaligned = false) {
  BatchRunner runner("m", signature, takes_unaligned);
  std::vector<Reply> replies;
  runner.run(tickets, execute, replies);
  return replies;
}

// The sentence every ticket of a batch of two is failed with.
template <class Execute>
std::string failure(const base::Signature& signature, Execute execute) {
  const auto replies = run(signature, tickets_of(ticket_of(1), ticket_of(2, 2)), execute);
  EXPECT_EQ(replies.size(), 2);
  for (const Reply& reply : replies) {
    EXPECT(!reply.outcome.outputs.has_value());
    EXPECT_EQ(reply.outcome.batch_rows, 3);
    if (reply.outcome.outputs.has_value()) return "(it succeeded)";
    EXPECT_EQ(reply.outcome.outputs.error().code, Code::kInternal);
  }
  return replies[1].outcome.outputs.error().why;
}

}  // namespace

TEST(batching_batch, every_ticket_gets_its_own_rows_back) {
  const auto replies = run(
      one_to_one(8), tickets_of(ticket_of(5, 1), ticket_of(6, 3), ticket_of(7)), EchoExecutor{});
  REQUIRE(replies.size() == 3);
  const std::vector<std::int64_t> rows{1, 3, 1};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& outcome = replies[i].outcome;
    REQUIRE(outcome.outputs.has_value());
    EXPECT_EQ(replies[i].address.connection_id, 5 + i);
    EXPECT_EQ(outcome.batch_rows, 5);
    const Tensor& output = outcome.outputs->at(0);
    EXPECT_EQ(output.shape, (base::Shape{rows[i], 2}));
    EXPECT_EQ(values_of(output),
              std::vector<float>(static_cast<std::size_t>(rows[i]) * 2, static_cast<float>(5 + i)));
  }
}

TEST(batching_batch, an_executor_sees_one_aligned_tensor_per_input_and_who_brought_which_rows) {
  const auto look = [](const BatchView& batch, Outputs& outputs) -> base::Result<> {
    EXPECT_EQ(batch.rows, 4);
    EXPECT_EQ(batch.request_rows, (std::vector<std::int64_t>{1, 3}));
    EXPECT_EQ(batch.inputs.size(), 1);
    EXPECT_EQ(batch.inputs[0].shape, (base::Shape{4, 2}));
    EXPECT(is_aligned(batch.inputs[0]));
    return EchoExecutor{}(batch, outputs);
  };
  EXPECT_EQ(run(one_to_one(8), tickets_of(ticket_of(1), ticket_of(2, 3)), look).size(), 2);
}

TEST(batching_batch, outputs_are_slices_of_the_batch_and_not_copies) {
  const std::byte* whole = nullptr;
  const auto echo = [&](const BatchView& batch, Outputs& outputs) -> base::Result<> {
    whole = batch.inputs[0].bytes.bytes.data();
    return EchoExecutor{}(batch, outputs);
  };
  const auto replies = run(one_to_one(8), tickets_of(ticket_of(1), ticket_of(2)), echo);
  EXPECT_EQ(replies[0].outcome.outputs->at(0).bytes.bytes.data(), whole);
  EXPECT_EQ(replies[1].outcome.outputs->at(0).bytes.bytes.data(), whole + 8);
}

TEST(batching_batch, a_ticket_alone_is_passed_as_it_came) {
  const auto tickets = tickets_of(ticket_of(1, 3));
  const std::byte* came = tickets[0]->inputs[0].bytes.bytes.data();
  const auto look = [came](const BatchView& batch, Outputs& outputs) -> base::Result<> {
    EXPECT_EQ(batch.inputs[0].bytes.bytes.data(), came);
    return EchoExecutor{}(batch, outputs);
  };
  EXPECT_EQ(values_of(run(one_to_one(8), tickets, look)[0].outcome.outputs->at(0)).size(), 6);
}

TEST(batching_batch, an_unaligned_ticket_alone_is_copied_only_for_executors_that_mind) {
  for (const bool takes_unaligned : {false, true}) {
    auto tickets = tickets_of(ticket_of(1, 3));
    tickets[0]->inputs[0] = unaligned(tickets[0]->inputs[0]);
    const auto look = [&](const BatchView& batch, Outputs& outputs) -> base::Result<> {
      EXPECT_EQ(is_aligned(batch.inputs[0]), !takes_unaligned);
      EXPECT_EQ(batch.inputs[0].shape, (base::Shape{3, 2}));
      return EchoExecutor{}(batch, outputs);
    };
    const auto replies = run(one_to_one(8), tickets, look, takes_unaligned);
    EXPECT_EQ(values_of(replies[0].outcome.outputs->at(0)), std::vector<float>(6, 1.0F));
  }
}

TEST(batching_batch, bytes_rows_are_found_by_walking_their_prefixes) {
  const auto ticket = [](std::uint64_t id, std::int64_t rows,
                         const std::vector<std::string>& values) {
    std::vector<Tensor> inputs;
    inputs.push_back(texts({rows, 2}, values));
    return ticket_with(id, std::move(inputs), rows);
  };
  const auto replies =
      run(one_to_one(8, DType::kBytes),
          tickets_of(ticket(1, 1, {"a", ""}), ticket(2, 2, {"", "longer", "x", "yz"}),
                     ticket(3, 1, {"", ""})),
          EchoExecutor{});
  const auto is = [&](std::size_t i, const Tensor& wanted) {
    const Tensor& output = replies[i].outcome.outputs->at(0);
    EXPECT_EQ(output.shape, wanted.shape);
    EXPECT(std::ranges::equal(output.bytes.bytes, wanted.bytes.bytes));
  };
  is(0, texts({1, 2}, {"a", ""}));
  is(1, texts({2, 2}, {"", "longer", "x", "yz"}));
  is(2, texts({1, 2}, {"", ""}));
}

TEST(batching_batch, a_model_without_a_batch_dimension_gets_tensors_as_they_are) {
  std::vector<Tensor> inputs;
  inputs.push_back(floats({3}, {1, 2, 3}));
  const auto sum = [](const BatchView& batch, Outputs& outputs) -> base::Result<> {
    EXPECT_EQ(batch.rows, 1);
    EXPECT_EQ(batch.inputs[0].shape, base::Shape{3});
    const std::vector<float> values = values_of(batch.inputs[0]);
    outputs.push_back(floats({}, {std::accumulate(values.begin(), values.end(), 0.0F)}));
    return {};
  };
  const auto replies = run(one_to_one(0), tickets_of(ticket_with(1, std::move(inputs))), sum);
  REQUIRE(replies[0].outcome.outputs.has_value());
  EXPECT_EQ(replies[0].outcome.outputs->at(0).shape, base::Shape{});
  EXPECT_EQ(values_of(replies[0].outcome.outputs->at(0)), std::vector<float>{6});
}

TEST(batching_batch, an_absent_optional_input_stays_absent) {
  base::Signature signature = one_to_one(8);
  signature.inputs.push_back(
      {.name = "mask", .dtype = DType::kFp32, .dims = {-1}, .is_optional = true});
  Tickets tickets = tickets_of(ticket_of(1), ticket_of(2));
  for (auto& ticket : tickets) ticket->inputs.push_back(absent());
  const auto look = [](const BatchView& batch, Outputs& outputs) -> base::Result<> {
    EXPECT(batch.inputs[0].is_present);
    EXPECT(!batch.inputs[1].is_present);
    outputs.push_back(batch.inputs[0]);
    return {};
  };
  for (const Reply& reply : run(signature, tickets, look)) {
    EXPECT(reply.outcome.outputs.has_value());
  }
}

TEST(batching_batch, tensors_without_bytes_are_gathered_and_scattered_too) {
  const auto replies =
      run(one_to_one(8), tickets_of(ticket_of(1, 1, 0), ticket_of(2, 2, 0)), EchoExecutor{});
  REQUIRE(replies[1].outcome.outputs.has_value());
  EXPECT_EQ(replies[1].outcome.outputs->at(0).shape, (base::Shape{2, 0}));
}

TEST(batching_batch, a_failing_batch_fails_its_own_tickets_and_leaves_the_runner_whole) {
  const base::Signature signature = one_to_one(8);
  BatchRunner runner("m", signature, false);
  std::vector<Reply> replies;
  const auto fails = [](const BatchView&, Outputs& outputs) -> base::Result<> {
    outputs.resize(1);
    return base::fail(Code::kUnknown, "the model said no");
  };
  const EchoExecutor works;
  runner.run(tickets_of(ticket_of(1), ticket_of(2)), fails, replies);
  runner.run(tickets_of(ticket_of(3), ticket_of(4)), works, replies);
  REQUIRE(replies.size() == 4);
  for (const std::size_t i : {0, 1}) {
    REQUIRE(!replies[i].outcome.outputs.has_value());
    EXPECT_EQ(replies[i].outcome.outputs.error(),
              (base::Error{Code::kUnknown, "the model said no"}));
  }
  for (const std::size_t i : {2, 3}) {
    REQUIRE(replies[i].outcome.outputs.has_value());
    EXPECT_EQ(first_value(replies[i].outcome.outputs->at(0)), static_cast<float>(i + 1));
  }
}

TEST(batching_batch, a_backend_that_breaks_its_word_fails_its_tickets_with_a_sentence) {
  const base::Signature signature = one_to_one(8);
  const auto returns = [](Outputs made) {
    return [made](const BatchView&, Outputs& outputs) -> base::Result<> {
      outputs = made;
      return {};
    };
  };
  EXPECT_EQ(failure(signature, returns({})),
            "model \"m\": its backend returned 0 outputs, wanted 1");
  EXPECT_EQ(failure(signature, returns({floats({2, 1}, {1, 2})})),
            "model \"m\": its backend returned output \"y\" with shape [2,1], wanted 3 rows as its "
            "first dimension");
  EXPECT_CONTAINS(failure(signature, returns({floats({}, {1})})), "shape []");
  EXPECT_EQ(failure(signature, returns({floats({3, 2}, {1, 2, 3})})),
            "model \"m\": its backend returned output \"y\" with 12 bytes, wanted 6 elements for "
            "its shape [3,2]");
  EXPECT_CONTAINS(failure(signature, returns({floats({3, -1}, {})})), "not negative");
  // 3 * 2^62 * 4 bytes are 0 modulo 2^64.
  EXPECT_CONTAINS(failure(signature, returns({floats({3, std::int64_t{1} << 62}, {})})),
                  "negative");
  EXPECT_CONTAINS(failure(signature, returns({texts({3}, {"a", "b", "c"})})),
                  "with datatype BYTES, wanted datatype FP32");
}

TEST(batching_batch, bytes_that_do_not_hold_their_elements_are_refused) {
  base::Signature signature = one_to_one(8);
  signature.outputs[0].dtype = DType::kBytes;
  const auto holding = [](std::vector<std::uint8_t> bytes) {
    return [bytes](const BatchView&, Outputs& outputs) -> base::Result<> {
      outputs.push_back(tensor_of(DType::kBytes, {3}, bytes));
      return {};
    };
  };
  const std::string wanted = "wanted 3 length-prefixed elements";
  EXPECT_CONTAINS(failure(signature, holding({})), wanted);
  EXPECT_CONTAINS(failure(signature, holding({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})), wanted);
  EXPECT_CONTAINS(failure(signature, holding({0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0})), wanted);
  EXPECT_CONTAINS(failure(signature, holding(std::vector<std::uint8_t>(16, 0))), wanted);
}

TEST(batching_batch, an_executor_may_answer_each_ticket_by_itself) {
  const auto apart = [](const BatchView& batch, Outputs&) -> base::Result<> {
    EXPECT(batch.request_facts.empty());
    batch.answers->push_back(Outputs{floats({1, 3}, {1, 2, 3})});
    batch.answers->push_back(base::fail(Code::kNotFound, "nothing of that name"));
    batch.answers->push_back(Outputs{absent()});
    batch.answers->push_back(Outputs{floats({1, 1}, {4})});  // it brought two rows
    batch.answers->push_back(Outputs{});
    return {};
  };
  const auto replies = run(
      one_to_one(8),
      tickets_of(ticket_of(1), ticket_of(2), ticket_of(3), ticket_of(4, 2), ticket_of(5)), apart);
  REQUIRE(replies.size() == 5);
  EXPECT_EQ(replies[0].outcome.outputs->at(0).shape, (base::Shape{1, 3}));
  EXPECT_EQ(replies[1].outcome.outputs.error(),
            (base::Error{Code::kNotFound, "nothing of that name"}));
  EXPECT(!replies[2].outcome.outputs->at(0).is_present);
  EXPECT_EQ(replies[3].outcome.outputs.error().why,
            "model \"m\": its backend returned output \"y\" with shape [1,1], wanted 2 rows as its "
            "first dimension");
  EXPECT_EQ(replies[4].outcome.outputs.error().why,
            "model \"m\": its backend returned 0 outputs, wanted 1");
  for (const Reply& reply : replies) EXPECT_EQ(reply.outcome.batch_rows, 6);
}

TEST(batching_batch, answers_of_a_batch_that_failed_are_forgotten) {
  int calls = 0;
  const auto torn = [&](const BatchView& batch, Outputs& outputs) -> base::Result<> {
    if (++calls > 1) return EchoExecutor{}(batch, outputs);
    batch.answers->push_back(Outputs{absent()});
    return base::fail(Code::kInternal, "half way");
  };
  const auto signature = one_to_one(8);
  BatchRunner runner("m", signature, false);
  std::vector<Reply> replies;
  runner.run(tickets_of(ticket_of(1), ticket_of(2)), torn, replies);
  runner.run(tickets_of(ticket_of(3), ticket_of(4)), torn, replies);
  REQUIRE(replies.size() == 4);
  EXPECT_EQ(replies[1].outcome.outputs.error().why, "half way");
  EXPECT_EQ(values_of(replies[3].outcome.outputs->at(0)), (std::vector<float>{4, 4}));
}

TEST(batching_batch, what_requests_say_is_told_in_order_if_one_says_anything) {
  auto telling = ticket_of(2);
  telling->facts = R"({"id":"two"})";
  const auto look = [](const BatchView& batch, Outputs& outputs) -> base::Result<> {
    EXPECT_EQ(batch.request_facts, (std::vector<std::string_view>{"", R"({"id":"two"})"}));
    return EchoExecutor{}(batch, outputs);
  };
  EXPECT_EQ(run(one_to_one(8), tickets_of(ticket_of(1), std::move(telling)), look).size(), 2);
}

TEST(batching_batch, its_phases_are_timed) {
  const base::Signature signature = one_to_one(8);
  FakeClock::time = 1'000;
  BatchRunner runner("m", signature, false, FakeClock::ticking);
  auto tickets = tickets_of(ticket_of(1), ticket_of(2));
  tickets[0]->enqueued_ns = 101;
  std::vector<Reply> replies;
  const auto slow = [](const BatchView& batch, Outputs& outputs) -> base::Result<> {
    FakeClock::time += 500;
    return EchoExecutor{}(batch, outputs);
  };
  runner.run(tickets, slow, replies);
  EXPECT_EQ(replies[0].outcome.queue_ns, 900);
  EXPECT_EQ(replies[0].outcome.compute_input_ns, 1);
  EXPECT_EQ(replies[0].outcome.compute_infer_ns, 501);
  EXPECT_EQ(replies[0].outcome.compute_output_ns, 1);
  EXPECT_EQ(runner.last_run_ns(), 501);
  EXPECT_EQ(runner.report().rows, 2);
  EXPECT(runner.report().is_ok);
  EXPECT_EQ(runner.report().compute_input_ns, 1);
  EXPECT_EQ(runner.report().compute_infer_ns, 501);
  EXPECT_EQ(runner.report().compute_output_ns, 1);
  runner.run(std::span(tickets).first(1), slow, replies);
  EXPECT_EQ(replies[2].outcome.compute_input_ns, 0);
  EXPECT_EQ(replies[2].outcome.compute_infer_ns, 501);
  EXPECT_EQ(replies[2].outcome.compute_output_ns, 0);
  EXPECT_EQ(runner.report().rows, 1);
  EXPECT_EQ(runner.report().compute_output_ns, 0);
}

TEST(batching_batch, a_batch_that_failed_is_reported_as_such) {
  const base::Signature signature = one_to_one(8);
  BatchRunner runner("m", signature, false);
  auto tickets = tickets_of(ticket_of(1, 3));
  std::vector<Reply> replies;
  const auto empty = [](const BatchView&, Outputs&) -> base::Result<> { return {}; };
  runner.run(tickets, empty, replies);
  EXPECT(!replies[0].outcome.outputs.has_value());
  EXPECT_EQ(replies[0].outcome.rows, 3);
  EXPECT_EQ(runner.report().rows, 3);
  EXPECT(!runner.report().is_ok);
}

TEST(batching_batch, shape_keys_tell_apart_what_may_not_share_a_batch) {
  const auto key = [](std::vector<Tensor> inputs) { return batching::shape_key(inputs); };
  const auto shaped = [](base::Shape shape) {
    Tensor tensor;
    tensor.shape = shape;
    return tensor;
  };
  EXPECT_EQ(key({shaped({1, 4})}), key({shaped({9, 4})}));
  EXPECT_NE(key({shaped({1, 4})}), key({shaped({1, 5})}));
  EXPECT_NE(key({shaped({1, 4})}), key({shaped({1, 4, 1})}));
  EXPECT_NE(key({shaped({1, 2, 3})}), key({shaped({1, 3, 2})}));
  EXPECT_NE(key({shaped({1, 2}), shaped({1})}), key({shaped({1}), shaped({1, 2})}));
  EXPECT_NE(key({shaped({1})}), key({absent()}));
  const auto same = [](std::vector<Tensor> a, std::vector<Tensor> b) {
    return batching::same_shapes(a, b);
  };
  EXPECT(same({shaped({1, 4})}, {shaped({9, 4})}));
  EXPECT(!same({shaped({1, 4})}, {shaped({1, 5})}));
  EXPECT(!same({shaped({1})}, {shaped({})}));
  EXPECT(!same({shaped({1})}, {absent()}));
  EXPECT(same({absent()}, {absent()}));
}

TEST(batching_batch, the_inline_lane_cuts_tickets_of_the_first_shape_up_to_the_maximum) {
  Tickets tickets = tickets_of(ticket_of(1, 1, 2), ticket_of(2, 1, 3), ticket_of(3, 2, 2),
                               ticket_of(4, 1, 3), ticket_of(5, 2, 2), ticket_of(6, 1, 2));
  const std::size_t cut = batching::cut_front(tickets, 4);
  EXPECT_EQ(cut, 2);
  EXPECT_EQ(ids_of(tickets), (std::vector<std::uint64_t>{1, 3, 2, 4, 5, 6}));
  EXPECT_EQ(batching::cut_front(std::span(tickets).subspan(cut), 4), 2);
  EXPECT_EQ(ids_of(tickets), (std::vector<std::uint64_t>{1, 3, 2, 4, 5, 6}));
  EXPECT_EQ(batching::cut_front(tickets, 0), 1);
}
