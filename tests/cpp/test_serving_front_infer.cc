// SPDX-License-Identifier: Apache-2.0
// ModelInfer, on the inline and on the batch lane.
#include <algorithm>
#include <string>

#include "grpc/compression.h"
#include "harness.h"
#include "serving/front.h"
#include "serving_doubles.h"

namespace penstock::testing {
namespace {

using base::Code;
using serving::Lane;
using Link = FrontRig::Link;

// The same for both lanes.
template <class Body>
void on_both_lanes(Body&& body) {
  for (const Lane lane : {Lane::kInline, Lane::kBatch}) body(lane);
}

std::string compressed(grpc::Encoding encoding, std::string_view message) {
  const std::vector<base::Slice> pieces = {slice_of(grpc_framed(message))};
  const base::Slice frame = grpc::compress_frame(encoding, grpc::CompressionLevel::kMedium, pieces);
  return text_of(frame.bytes);
}

std::string decompressed(grpc::Encoding encoding, std::string_view framed) {
  if (framed.size() < 5 || framed[0] != 1) return "not compressed";
  const auto plain = grpc::decompress(encoding, bytes_of_text(framed.substr(5)), 1 << 30);
  return plain ? text_of(plain->bytes) : plain.error().why;
}

}  // namespace

TEST(serving_front, an_inference_is_answered_with_its_outputs_and_names) {
  on_both_lanes([](Lane lane) {
    FrontRig rig;
    rig.serve({.name = "m", .number = 4, .lane = lane}, x_to_y());
    Link& link = rig.connect();
    const std::int32_t id = link.infer(infer_x("m", {1.5F, 2.5F}, sized_field(3, "call me")));
    rig.await(link, id);
    EXPECT_EQ(link.status(id), "0");
    const std::string reply = link.reply(id);
    EXPECT(proto_values(reply, 1) == std::vector<std::string>({"m"}));
    EXPECT(proto_values(reply, 2) == std::vector<std::string>({"4"}));
    EXPECT(proto_values(reply, 3) == std::vector<std::string>({"call me"}));
    const std::string output = proto_values(reply, 5).at(0);
    EXPECT(proto_values(output, 1) == std::vector<std::string>({"y"}));
    EXPECT(proto_values(output, 2) == std::vector<std::string>({"FP32"}));
    EXPECT(proto_values(output, 3) == std::vector<std::string>({varints({1, 2})}));
    EXPECT_EQ(link.output(id), bytes_of_values({1.5F, 2.5F}));
  });
}

TEST(serving_front, typed_contents_are_as_good_as_raw_ones) {
  on_both_lanes([](Lane lane) {
    FrontRig rig;
    rig.serve({.name = "m", .lane = lane}, x_to_y());
    Link& link = rig.connect();
    const std::string values = bytes_of_values({1.0F, 2.0F, 3.0F});
    const std::int32_t id =
        link.infer(sized_field(1, "m") + typed_input("x", "FP32", {1, 3}, sized_field(6, values)));
    rig.await(link, id);
    EXPECT_EQ(link.output(id), values);
  });
}

TEST(serving_front, requests_of_one_pass_are_one_batch_on_the_inline_lane) {
  FrontRig rig;
  std::vector<std::int64_t> batches;
  const auto version =
      rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y(8),
                [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                  batches.push_back(batch.rows);
                  return echo_batch(batch, outputs);
                });
  Link& one = rig.connect();
  Link& two = rig.connect();
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(one.infer(infer_x("m", {static_cast<float>(i)})));
    ids.push_back(two.infer(infer_x("m", {static_cast<float>(i)})));
  }
  rig.settle();
  EXPECT(batches == std::vector<std::int64_t>({8, 2}));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ((i % 2 == 0 ? one : two).output(ids[i]), bytes_of_value(static_cast<float>(i / 2)));
  }
  const telemetry::ModelCounts counts = version->metrics().counts();
  EXPECT_EQ(counts.success, 10);
  EXPECT_EQ(counts.rows, 10);
  EXPECT_EQ(counts.batches, 2);
}

TEST(serving_front, an_executor_that_sees_requests_is_told_what_they_say_and_answers_each) {
  on_both_lanes([](Lane lane) {
    FrontRig rig;
    base::Signature signature = x_to_y();
    signature.outputs.push_back({.name = "z", .dtype = base::DType::kFp32, .dims = {-1}});
    std::string told;
    const auto version = rig.serve(
        {.name = "m", .lane = lane}, signature,
        [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>&) -> base::Result<> {
          told = batch.request_facts.empty() ? "nothing" : std::string(batch.request_facts[0]);
          base::Tensor absent;
          absent.is_present = false;
          if (told == "nothing") {
            batch.answers->push_back(base::fail(Code::kNotFound, "not this one"));
          } else {
            batch.answers->push_back(std::vector<base::Tensor>{batch.inputs[0], absent});
          }
          return {};
        },
        true);
    Link& link = rig.connect();
    const std::string wants_y = sized_field(6, sized_field(1, "y"));
    const std::int32_t asked = link.infer(infer_x("m", {1}, sized_field(3, "one") + wants_y));
    rig.await(link, asked);
    EXPECT_EQ(told, R"({"id":"one","outputs":["y"]})");
    EXPECT_EQ(link.output(asked), bytes_of_value(1.0F));

    const std::int32_t failed = link.infer(infer_x("m", {1}));
    rig.await(link, failed);
    EXPECT_EQ(told, "nothing");
    EXPECT_EQ(link.status(failed), "5");
    EXPECT_EQ(link.message(failed), "not this one");

    const std::int32_t left_out = link.infer(infer_x("m", {1}, sized_field(3, "all")));
    rig.await(link, left_out);
    EXPECT_EQ(link.status(left_out), "13");
    EXPECT_EQ(link.message(left_out), "model \"m\" gave no output \"z\", which was asked for");

    const telemetry::ModelCounts counts = version->metrics().counts();
    EXPECT_EQ(counts.success, 1);
    EXPECT_EQ(counts.inferences, 1);  // rows of requests that succeeded
  });
}

TEST(serving_front, different_shapes_are_different_batches) {
  FrontRig rig;
  std::vector<std::int64_t> batches;
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y(8),
            [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
              batches.push_back(batch.rows);
              return echo_batch(batch, outputs);
            });
  Link& link = rig.connect();
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 6; ++i) {
    ids.push_back(link.infer(i % 3 == 0 ? infer_x("m", {1, 2}) : infer_x("m", {3})));
  }
  rig.settle();
  EXPECT(batches == std::vector<std::int64_t>({2, 4}));
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(link.output(ids[i]).size(), i % 3 == 0 ? 8 : 4);
}

TEST(serving_front, requests_wait_together_for_an_instance_on_the_batch_lane) {
  FrontRig rig;
  Strings strings;
  std::vector<std::int64_t> batches;
  const auto version =
      rig.serve({.name = "m"}, x_to_y(8),
                [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                  batches.push_back(batch.rows);
                  strings.pass();
                  return echo_batch(batch, outputs);
                });
  Link& link = rig.connect();
  std::vector<std::int32_t> ids = {link.infer(infer_x("m", {0}))};
  rig.settle();
  strings.wait_until_begun(1);
  for (int i = 1; i <= 6; ++i) ids.push_back(link.infer(infer_x("m", {static_cast<float>(i)})));
  rig.settle();
  EXPECT_EQ(version->batcher().queue().size(), 6);
  strings.let_all_go();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    rig.await(link, ids[i]);
    EXPECT_EQ(link.output(ids[i]), bytes_of_value(static_cast<float>(i)));
  }
  EXPECT(batches == std::vector<std::int64_t>({1, 6}));
  EXPECT_EQ(version->metrics().counts().rows, 7);
}

TEST(serving_front, an_error_of_the_model_fails_its_batch_and_is_counted_as_the_backends) {
  on_both_lanes([](Lane lane) {
    FrontRig rig;
    const auto version =
        rig.serve({.name = "m", .lane = lane}, x_to_y(),
                  [](const model::ExecutorBatch&, std::vector<base::Tensor>&) -> base::Result<> {
                    return base::fail(Code::kInternal, "it 100% broke");
                  });
    Link& link = rig.connect();
    const std::int32_t id = link.infer(infer_x("m", {1}));
    rig.await(link, id);
    EXPECT_EQ(link.status(id), "13");
    EXPECT_CONTAINS(link.message(id), "it 100% broke");
    const telemetry::ModelCounts counts = version->metrics().counts();
    EXPECT_EQ(counts.failures[static_cast<std::size_t>(telemetry::FailureReason::kBackend)], 1);
    EXPECT_EQ(counts.success, 0);
  });
}

TEST(serving_front, requests_that_do_not_fit_are_refused_and_counted) {
  on_both_lanes([](Lane lane) {
    FrontRig rig;
    const auto version = rig.serve({.name = "m", .lane = lane}, x_to_y());
    rig.put("bad", {.number = 1, .version = nullptr, .failure = "no such file"});
    Link& link = rig.connect();
    const std::int32_t unknown = link.infer(infer_x("nobody", {1}));
    const std::int32_t no_version = link.infer(infer_x("m", {1}, sized_field(2, "9")));
    const std::int32_t failed = link.infer(infer_x("bad", {1}));
    const std::int32_t wrong_name = link.infer(
        sized_field(1, "m") + raw_input("z", "FP32", {1, 1}) + raw_entry(bytes_of_value(1.0F)));
    const std::int32_t broken = link.infer("\x0a\x7f");
    const std::int32_t no_output =
        link.infer(infer_x("m", {1}, sized_field(6, sized_field(1, "q"))));
    rig.settle();
    EXPECT_EQ(link.status(unknown), "5");
    EXPECT_EQ(link.status(no_version), "5");
    EXPECT_EQ(link.status(failed), "14");
    EXPECT_CONTAINS(link.message(failed), "no such file");
    EXPECT_EQ(link.status(wrong_name), "3");
    EXPECT_EQ(link.status(broken), "3");
    EXPECT_EQ(link.status(no_output), "3");
    EXPECT_EQ(version->metrics()
                  .counts()
                  .failures[static_cast<std::size_t>(telemetry::FailureReason::kOther)],
              2);
    EXPECT_EQ(version->share(0).holds(), 0);
    const std::int32_t good = link.infer(infer_x("m", {1}));
    rig.await(link, good);
    EXPECT_EQ(link.status(good), "0");
  });
}

TEST(serving_front, requested_outputs_come_in_the_order_asked_for) {
  on_both_lanes([](Lane lane) {
    FrontRig rig;
    base::Signature signature = x_to_y();
    signature.outputs.push_back({.name = "z", .dtype = base::DType::kFp32, .dims = {-1}});
    rig.serve({.name = "m", .lane = lane}, signature,
              [](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                outputs = {batch.inputs[0], batch.inputs[0]};
                return base::Result<>();
              });
    Link& link = rig.connect();
    const std::int32_t both = link.infer(infer_x(
        "m", {1}, sized_field(6, sized_field(1, "z")) + sized_field(6, sized_field(1, "y"))));
    const std::int32_t one = link.infer(infer_x("m", {1}, sized_field(6, sized_field(1, "z"))));
    const std::int32_t all = link.infer(infer_x("m", {1}));
    const auto names = [&](std::int32_t id) {
      rig.await(link, id);
      std::string text;
      for (const std::string& output : proto_values(link.reply(id), 5)) {
        text += proto_values(output, 1).at(0);
      }
      return text;
    };
    EXPECT_EQ(names(both), "zy");
    EXPECT_EQ(names(one), "z");
    EXPECT_EQ(names(all), "yz");
  });
}

TEST(serving_front, a_version_may_be_named) {
  FrontRig rig;
  rig.serve({.name = "m", .number = 1, .lane = Lane::kInline}, x_to_y());
  rig.serve({.name = "m", .number = 2, .lane = Lane::kInline}, x_to_y());
  Link& link = rig.connect();
  const std::int32_t first = link.infer(infer_x("m", {1}, sized_field(2, "1")));
  const std::int32_t second = link.infer(infer_x("m", {1}, sized_field(2, "2")));
  const std::int32_t latest = link.infer(infer_x("m", {1}));
  rig.settle();
  EXPECT_EQ(proto_values(link.reply(first), 2).at(0), "1");
  EXPECT_EQ(proto_values(link.reply(second), 2).at(0), "2");
  EXPECT_EQ(proto_values(link.reply(latest), 2).at(0), "2");
}

TEST(serving_front, a_request_may_be_compressed_and_its_answer_too) {
  const serving::FrontOptions options = {.answer_compression = grpc::CompressionLevel::kMedium};
  for (const auto& [encoding, name] :
       {std::pair{grpc::Encoding::kGzip, "gzip"}, std::pair{grpc::Encoding::kDeflate, "deflate"}}) {
    FrontRig rig(options);
    rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
    Link& link = rig.connect();
    const std::string values(4000, '\0');
    const std::string message =
        sized_field(1, "m") + raw_input("x", "FP32", {1, 1000}) + raw_entry(values);
    const std::int32_t id = link.client.request(
        grpc_request(kInferPath, {{"grpc-encoding", name}, {"grpc-accept-encoding", name}}),
        compressed(encoding, message));
    rig.settle();
    EXPECT_EQ(link.status(id), "0");
    EXPECT_EQ(link.answer(id).field("grpc-encoding"), name);
    const std::string plain = decompressed(encoding, link.answer(id).body);
    EXPECT(proto_values(plain, 6) == std::vector<std::string>({values}));
    EXPECT(link.answer(id).body.size() < 400);
  }
}

TEST(serving_front, answers_are_not_compressed_unless_the_server_and_the_client_want_it) {
  FrontRig plain_rig;
  FrontRig rig({.answer_compression = grpc::CompressionLevel::kHigh});
  for (FrontRig* const one : {&plain_rig, &rig}) {
    one->serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  }
  Link& unasked = plain_rig.connect();
  Link& unaccepted = rig.connect();
  const std::int32_t first =
      unasked.infer(infer_x("m", {1, 2, 3, 4, 5, 6, 7, 8}), {{"grpc-accept-encoding", "gzip"}});
  const std::int32_t second = unaccepted.infer(infer_x("m", {1, 2, 3, 4, 5, 6, 7, 8}));
  plain_rig.settle();
  rig.settle();
  EXPECT_EQ(unasked.answer(first).field("grpc-encoding"), "");
  EXPECT_EQ(unaccepted.answer(second).field("grpc-encoding"), "");
  EXPECT_EQ(unasked.output(first).size(), 32);
  EXPECT_EQ(unaccepted.output(second).size(), 32);
}

TEST(serving_front, a_compressed_message_that_is_broken_is_refused) {
  FrontRig rig;
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  Link& link = rig.connect();
  const std::int32_t broken = link.client.request(
      grpc_request(kInferPath, {{"grpc-encoding", "gzip"}}), grpc_framed("this is no gzip", true));
  rig.settle();
  EXPECT_EQ(link.status(broken), "13");
}

TEST(serving_front, large_tensors_go_through_whole) {
  on_both_lanes([](Lane lane) {
    FrontRig rig;
    rig.serve({.name = "m", .lane = lane}, x_to_y());
    Link& link = rig.connect();
    const std::string values = patterned(8 << 20);
    const std::int32_t id =
        link.infer(sized_field(1, "m") + raw_input("x", "FP32", {1, 2 << 20}) + raw_entry(values));
    rig.await(link, id);
    EXPECT_EQ(link.status(id), "0");
    EXPECT(link.output(id) == values);
  });
}

TEST(serving_front, calls_are_used_again_and_remember_nothing) {
  FrontRig rig;
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  Link& link = rig.connect();
  const std::int32_t first =
      link.infer(infer_x("m", {1}, sized_field(3, "id") + sized_field(6, sized_field(1, "y"))),
                 {{"grpc-timeout", "1H"}});
  rig.settle();
  EXPECT_EQ(link.status(first), "0");
  const std::int32_t second = link.infer(infer_x("m", {2}));
  rig.settle();
  EXPECT(proto_values(link.reply(second), 3).empty());
  rig.skew_ns = 7200 * base::kSecond;  // past the first one's deadline
  const std::int32_t third = link.infer(infer_x("m", {3}));
  rig.settle();
  EXPECT_EQ(link.output(third), bytes_of_value(3.0F));
}

TEST(serving_front, a_version_too_slow_for_the_io_thread_moves_to_the_batch_lane) {
  FrontRig rig;
  const auto version =
      rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y(1),
                [](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                  const base::Nanos end = base::monotonic_now() + 6 * base::kMillisecond;
                  while (base::monotonic_now() < end) {
                  }
                  return echo_batch(batch, outputs);
                });
  Link& link = rig.connect();
  for (int i = 0; i < 3; ++i) {
    EXPECT(version->lane() == Lane::kInline);
    const std::int32_t id = link.infer(infer_x("m", {1}));
    rig.settle();
    EXPECT_EQ(link.status(id), "0");
  }
  EXPECT(version->lane() == Lane::kBatch);
  const std::int32_t id = link.infer(infer_x("m", {2}));
  rig.await(link, id);
  EXPECT_EQ(link.output(id), bytes_of_value(2.0F));
}

TEST(serving_front, many_cheap_rows_in_one_pass_are_no_reason_to_move) {
  FrontRig rig;
  const auto version = rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y(4));
  serving::Version::IoShare& share = version->share(0);
  for (int i = 0; i < 10; ++i) share.judge_pass(1000, 10 * base::kMillisecond);
  EXPECT(version->lane() == Lane::kInline);
  for (int i = 0; i < 10; ++i) {  // not in a row
    share.judge_pass(1, 10 * base::kMillisecond);
    share.judge_pass(1, 10 * base::kMillisecond);
    share.judge_pass(1, 1 * base::kMillisecond);
  }
  EXPECT(version->lane() == Lane::kInline);
  for (int i = 0; i < 3; ++i) share.judge_pass(1, 10 * base::kMillisecond);
  EXPECT(version->lane() == Lane::kBatch);
}

}  // namespace penstock::testing
