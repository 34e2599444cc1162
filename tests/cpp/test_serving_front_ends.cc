// SPDX-License-Identifier: Apache-2.0
// How calls end other than by an answer: deadlines, cancellation, limits; and what becomes of them
// when their version is replaced.
#include <string>
#include <thread>

#include "grpc/compression.h"
#include "harness.h"
#include "serving/front.h"
#include "serving_doubles.h"

namespace penstock::testing {
namespace {

using serving::Lane;
using telemetry::FailureReason;
using telemetry::ModelCounts;
using Link = FrontRig::Link;

std::uint64_t failures(serving::Version& version, FailureReason reason) {
  return version.metrics().counts().failures[static_cast<std::size_t>(reason)];
}

// A model on the batch lane whose batches wait for the test, and one of them that does.
struct Busy {
  explicit Busy(FrontRig& front_rig, serving::Version::Options options = {.name = "m"})
      : rig(front_rig), link(rig.connect()) {
    version =
        rig.serve(std::move(options), x_to_y(),
                  [this](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                    strings.pass();
                    return echo_batch(batch, outputs);
                  });
    executing = link.infer(infer_x("m", {1}));
    rig.settle();
    strings.wait_until_begun(1);
  }
  ~Busy() {
    strings.let_all_go();
    version->batcher().drain();
    version->batcher().wait_until_idle(base::kNever);
  }

  FrontRig& rig;
  Link& link;
  Strings strings;
  std::shared_ptr<serving::Version> version;
  std::int32_t executing = 0;
};

}  // namespace

// ---------------------------------------------------------------------------------------------
// Deadlines

TEST(serving_front, a_deadline_that_has_passed_on_arrival_is_refused_at_once) {
  FrontRig rig;
  rig.serve({.name = "m"}, x_to_y());
  Link& link = rig.connect();
  const std::int32_t id = link.infer(infer_x("m", {1}), {{"grpc-timeout", "0m"}});
  rig.settle();
  EXPECT_EQ(link.status(id), "4");
  EXPECT_EQ(rig.counts().streams_open(), 0);
}

TEST(serving_front, a_deadline_ends_a_call_whose_request_never_comes) {
  FrontRig rig;
  Link& link = rig.connect();
  const std::int32_t id =
      link.client.request(grpc_request(kInferPath, {{"grpc-timeout", "5S"}}), "\0\0", false);
  rig.settle();
  EXPECT_LE(rig.front.next_wake(rig.now()), rig.now() + 5 * base::kSecond);
  EXPECT(link.answer(id).headers.empty());
  rig.skew_ns = 6 * base::kSecond;
  rig.settle();
  EXPECT_EQ(link.status(id), "4");
  EXPECT(link.answer(id).reset_code == http2::kNoError);
  EXPECT_EQ(rig.front.next_wake(rig.now()), base::kNever);
}

TEST(serving_front, a_request_whose_deadline_passes_in_the_queue_is_never_executed) {
  FrontRig rig;
  Busy busy(rig);
  const std::int32_t id = busy.link.infer(infer_x("m", {2}), {{"grpc-timeout", "5S"}});
  rig.settle();
  EXPECT_EQ(busy.version->batcher().queue().size(), 1);
  rig.skew_ns = 6 * base::kSecond;
  rig.settle();
  EXPECT_EQ(busy.link.status(id), "4");
  EXPECT_EQ(busy.version->batcher().queue().size(), 0);
  busy.strings.let_all_go();
  rig.await(busy.link, busy.executing);
  EXPECT_EQ(busy.link.status(busy.executing), "0");
  EXPECT_EQ(busy.strings.begun(), 1);
  const ModelCounts counts = busy.version->metrics().counts();
  EXPECT_EQ(counts.expired, 1);
  EXPECT_EQ(failures(*busy.version, FailureReason::kRejected), 1);
  EXPECT_EQ(counts.success, 1);
}

TEST(serving_front, a_deadline_that_passes_while_executing_is_answered_at_once) {
  FrontRig rig;
  rig.skew_ns = 0;
  Busy busy(rig, {.name = "m", .instance_count = 2});
  const std::int32_t id = busy.link.infer(infer_x("m", {2}), {{"grpc-timeout", "30S"}});
  rig.settle();
  busy.strings.wait_until_begun(2);
  rig.skew_ns = 31 * base::kSecond;
  rig.settle();
  EXPECT_EQ(busy.link.status(id), "4");
  EXPECT(busy.link.answer(id).is_closed());
  busy.strings.let_all_go();
  rig.wait_until_delivered(2);
  rig.settle();
  EXPECT_EQ(busy.link.status(busy.executing), "0");
  EXPECT_EQ(rig.counts().replies_dropped, 1);
  EXPECT_EQ(busy.version->share(0).holds(), 0);
}

TEST(serving_front, a_deadline_counts_on_the_inline_lane_too) {
  FrontRig rig;
  int executed = 0;
  const auto version =
      rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y(),
                [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                  ++executed;
                  return echo_batch(batch, outputs);
                });
  Link& link = rig.connect();
  const std::int32_t late = link.infer(infer_x("m", {1}), {{"grpc-timeout", "5S"}});
  const std::int32_t fine = link.infer(infer_x("m", {2}));
  rig.receive(link);
  rig.skew_ns = 6 * base::kSecond;  // the pass took long
  rig.settle();
  EXPECT_EQ(link.status(late), "4");
  EXPECT_EQ(link.status(fine), "0");
  EXPECT_EQ(executed, 1);
  EXPECT_EQ(version->metrics().counts().rows, 1);
  EXPECT_EQ(version->share(0).holds(), 0);
}

TEST(serving_front, the_queues_own_patience_is_answered_unavailable) {
  FrontRig rig;
  serving::Version::Options options{.name = "m"};
  options.queue.default_timeout_ns = 5 * base::kSecond;
  Busy busy(rig, options);
  const std::int32_t id = busy.link.infer(infer_x("m", {2}), {{"grpc-timeout", "1H"}});
  rig.settle();
  EXPECT_LE(rig.front.next_wake(rig.now()), rig.now() + 5 * base::kSecond);
  rig.skew_ns = 6 * base::kSecond;
  rig.settle();
  EXPECT_EQ(busy.link.status(id), "14");
  EXPECT_CONTAINS(busy.link.message(id), "Request timeout expired");
  EXPECT_EQ(failures(*busy.version, FailureReason::kRejected), 1);
  // What executes has left the queue: its own deadline alone counts, and it has none.
  EXPECT(busy.link.answer(busy.executing).headers.empty());
}

// ---------------------------------------------------------------------------------------------
// Cancellation

TEST(serving_front, a_reset_takes_its_request_out_of_the_queue) {
  FrontRig rig;
  Busy busy(rig);
  const std::int32_t cancelled = busy.link.infer(infer_x("m", {2}));
  const std::int32_t stays = busy.link.infer(infer_x("m", {3}));
  rig.settle();
  busy.link.client.reset(cancelled);
  rig.settle();
  EXPECT_EQ(busy.version->batcher().queue().size(), 1);
  busy.strings.let_all_go();
  rig.await(busy.link, stays);
  EXPECT_EQ(busy.link.output(stays), bytes_of_value(3.0F));
  EXPECT_EQ(busy.version->metrics().counts().rows, 2);
  EXPECT_EQ(failures(*busy.version, FailureReason::kCanceled), 1);
  EXPECT_EQ(rig.counts().replies_dropped, 0);
}

TEST(serving_front, the_answer_of_a_stream_that_is_gone_is_dropped) {
  FrontRig rig;
  Busy busy(rig);
  busy.link.client.reset(busy.executing);
  rig.settle();
  busy.strings.let_all_go();
  rig.wait_until_delivered(1);
  rig.settle();
  EXPECT_EQ(rig.counts().replies_dropped, 1);
  EXPECT_EQ(rig.counts().streams_open(), 0);
  EXPECT_EQ(failures(*busy.version, FailureReason::kCanceled), 1);
  EXPECT_EQ(busy.version->metrics().counts().success, 0);
}

TEST(serving_front, a_connection_that_goes_cancels_its_calls_and_nobody_elses) {
  FrontRig rig;
  Busy busy(rig);
  Link& other = rig.connect();
  busy.link.infer(infer_x("m", {2}));
  busy.link.client.request(grpc_request(kInferPath), "half", false);
  const std::int32_t stays = other.infer(infer_x("m", {3}));
  rig.settle();
  EXPECT_EQ(rig.counts().streams_open(), 4);
  rig.disconnect(busy.link);
  EXPECT_EQ(rig.counts().streams_open(), 1);
  EXPECT_EQ(busy.version->batcher().queue().size(), 1);
  busy.strings.let_all_go();
  rig.await(other, stays);
  EXPECT_EQ(other.output(stays), bytes_of_value(3.0F));
  EXPECT_EQ(rig.counts().replies_dropped, 1);
  EXPECT_EQ(failures(*busy.version, FailureReason::kCanceled), 2);
  EXPECT_EQ(busy.version->share(0).holds(), 0);
}

TEST(serving_front, a_call_that_is_cancelled_in_the_pass_that_gathered_it_is_not_executed) {
  FrontRig rig;
  int executed = 0;
  const auto version =
      rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y(),
                [&](const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
                  ++executed;
                  return echo_batch(batch, outputs);
                });
  Link& reset = rig.connect();
  Link& gone = rig.connect();
  const std::int32_t id = reset.infer(infer_x("m", {1}));
  gone.infer(infer_x("m", {2}));
  rig.receive(reset);
  rig.receive(gone);
  reset.client.reset(id);
  rig.receive(reset);
  rig.disconnect(gone);
  // Its tickets are still gathered: until the pass ends, the version may not be taken apart.
  EXPECT(version->share(0).holds() > 0);
  rig.settle();
  EXPECT_EQ(version->share(0).holds(), 0);
  EXPECT_EQ(executed, 0);
  EXPECT_EQ(failures(*version, FailureReason::kCanceled), 2);
}

// ---------------------------------------------------------------------------------------------
// Limits

TEST(serving_front, a_message_past_the_limit_is_refused_before_it_has_come) {
  FrontRig rig({.message_bytes_max = 1000});
  rig.serve({.name = "m"}, x_to_y());
  Link& link = rig.connect();
  const std::int32_t id = link.client.request(
      grpc_request(kInferPath), grpc_framed(std::string(1001, 'x')).substr(0, 10), false);
  rig.settle();
  EXPECT_EQ(link.status(id), "8");
  EXPECT(link.answer(id).reset_code == http2::kNoError);
  const std::int32_t fits =
      link.client.request(grpc_request(kInferPath), grpc_framed(std::string(1000, '\x7f')));
  rig.settle();
  EXPECT_EQ(link.status(fits), "3");  // nonsense, but not too long
}

TEST(serving_front, bytes_in_flight_are_bounded_and_free_again_when_calls_end) {
  FrontRig rig({.inflight_bytes_max = 150'000});
  Busy busy(rig);
  Link& link = rig.connect();
  const std::string large =
      sized_field(1, "m") + raw_input("x", "FP32", {1, 15'000}) + raw_entry(std::string(60'000, 0));
  const std::int32_t first = link.infer(large);
  const std::int32_t second = link.infer(large);
  const std::int32_t small = link.infer(infer_x("m", {1}));
  rig.settle();
  EXPECT_EQ(link.status(second), "8");
  EXPECT_CONTAINS(link.message(second), "(150000)");
  link.client.reset(first);
  rig.settle();
  const std::int32_t third = link.infer(large);
  rig.settle();
  busy.strings.let_all_go();
  rig.await(link, third);
  rig.await(link, small);
  EXPECT_EQ(link.status(third), "0");
  EXPECT_EQ(link.status(small), "0");
}

TEST(serving_front, a_message_counts_as_large_as_it_is_when_decompressed) {
  FrontRig rig({.inflight_bytes_max = 100'000});
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  Link& link = rig.connect();
  const std::string zeros(150'000, '\0');
  const std::vector<base::Slice> pieces = {slice_of(grpc_framed(zeros))};
  const base::Slice frame =
      grpc::compress_frame(grpc::Encoding::kGzip, grpc::CompressionLevel::kHigh, pieces);
  EXPECT(frame.bytes.size() < 1000);
  const std::int32_t id = link.client.request(grpc_request(kInferPath, {{"grpc-encoding", "gzip"}}),
                                              text_of(frame.bytes));
  rig.settle();
  EXPECT_EQ(link.status(id), "8");
  EXPECT_CONTAINS(link.message(id), "(100000)");
}

TEST(serving_front, a_deadline_that_passes_before_the_queue_is_reached_counts_as_expired) {
  FrontRig rig;
  const auto version = rig.serve({.name = "m"}, x_to_y());
  Link& link = rig.connect();
  const std::string message = grpc_framed(infer_x("m", {1}));
  const std::int32_t id = link.client.request(grpc_request(kInferPath, {{"grpc-timeout", "5S"}}),
                                              message.substr(0, 8), false);
  rig.settle();
  link.client.send(id, message.substr(8), true);
  rig.skew_ns = 6 * base::kSecond;
  rig.settle();
  EXPECT_EQ(link.status(id), "4");
  EXPECT_EQ(version->metrics().counts().expired, 1);
  EXPECT_EQ(version->metrics().counts().refused, 0);
  EXPECT_EQ(version->share(0).holds(), 0);
}

TEST(serving_front, answers_that_nobody_reads_are_bytes_in_flight_and_leave_room_for_others) {
  FrontRig rig({.inflight_bytes_max = 300'000});
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  Link& deaf = rig.connect({.stream_window = 0});
  Link& other = rig.connect();
  const std::string large =
      sized_field(1, "m") + raw_input("x", "FP32", {1, 15'000}) + raw_entry(std::string(60'000, 0));
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 6; ++i) {
    ids.push_back(deaf.infer(large));
    rig.settle();
  }
  EXPECT_EQ(deaf.status(ids.back()), "8");
  const std::int32_t served = other.infer(large);
  rig.settle();
  EXPECT_EQ(other.status(served), "0");
  for (const std::int32_t id : ids) deaf.client.open_window(id, 1 << 20);
  rig.settle();
  const std::int32_t fine = deaf.infer(large);
  rig.settle();
  deaf.client.open_window(fine, 1 << 20);
  rig.settle();
  EXPECT_EQ(deaf.status(fine), "0");
}

TEST(serving_front, a_full_queue_refuses_and_is_counted) {
  FrontRig rig;
  serving::Version::Options options{.name = "m"};
  options.queue.tickets_max = 2;
  Busy busy(rig, options);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(busy.link.infer(infer_x("m", {1})));
  rig.settle();
  for (const std::size_t i : {2, 3}) {
    EXPECT_EQ(busy.link.status(ids[i]), "14");
    EXPECT_CONTAINS(busy.link.message(ids[i]), "its queue of 2 requests is full");
  }
  EXPECT_EQ(busy.version->metrics().counts().refused, 2);
  EXPECT_EQ(busy.version->share(0).holds(), 3);
  busy.strings.let_all_go();
  rig.await(busy.link, ids[1]);
  EXPECT_EQ(busy.link.status(ids[0]), "0");
}

TEST(serving_front, the_windows_open_again_for_large_requests_and_refused_ones) {
  FrontRig rig({.message_bytes_max = 1 << 20});
  Link& link = rig.connect({}, {.stream_window_bytes = 65'535, .connection_window_bytes = 65'535});
  const std::int32_t large = link.client.request(
      grpc_request(kInferPath), grpc_framed(sized_field(1, std::string(900'000, 'x'))));
  rig.settle();
  EXPECT_NE(link.status(large), "");
  for (int i = 0; i < 30; ++i) {
    const std::int32_t id =
        link.client.request(grpc_request("/unknown/Method"), std::string(60'000, 'x'));
    rig.settle();
    EXPECT_EQ(link.status(id), "12");
  }
}

// ---------------------------------------------------------------------------------------------
// Replacing and unloading

TEST(serving_front, requests_of_a_replaced_version_are_all_answered) {
  FrontRig rig;
  Busy busy(rig);
  std::vector<std::int32_t> before = {busy.executing};
  for (int i = 0; i < 10; ++i) before.push_back(busy.link.infer(infer_x("m", {2})));
  rig.settle();
  rig.serve({.name = "m"}, x_to_y());
  const std::int32_t after = busy.link.infer(infer_x("m", {3}));
  rig.await(busy.link, after);
  EXPECT_EQ(busy.link.output(after), bytes_of_value(3.0F));
  EXPECT_EQ(busy.version->share(0).holds(), 11);
  std::thread control([&] { busy.version->retire([] { return false; }); });
  busy.strings.let_all_go();
  for (const std::int32_t id : before) {
    rig.await(busy.link, id);
    EXPECT_EQ(busy.link.status(id), "0");
  }
  control.join();
}

TEST(serving_front, an_unloaded_model_is_not_found_and_its_requests_are_answered) {
  FrontRig rig;
  Busy busy(rig);
  rig.put("m", {.number = 1, .version = nullptr, .failure = {}});
  const std::int32_t after = busy.link.infer(infer_x("m", {2}));
  rig.settle();
  EXPECT_EQ(busy.link.status(after), "5");
  busy.strings.let_all_go();
  rig.await(busy.link, busy.executing);
  EXPECT_EQ(busy.link.status(busy.executing), "0");
}

TEST(serving_front, a_version_that_is_stopped_answers_what_waits_unavailable) {
  FrontRig rig;
  Busy busy(rig);
  const std::int32_t waits = busy.link.infer(infer_x("m", {2}));
  rig.settle();
  busy.version->batcher().stop();
  rig.await(busy.link, waits);
  EXPECT_EQ(busy.link.status(waits), "14");
  EXPECT_CONTAINS(busy.link.message(waits), "stopped");
  EXPECT_EQ(failures(*busy.version, FailureReason::kRejected), 1);
  busy.strings.let_all_go();
  rig.await(busy.link, busy.executing);
  EXPECT_EQ(busy.link.status(busy.executing), "0");
}

TEST(serving_front, a_version_may_retire_while_an_io_thread_serves_it) {
  // Over and over: requests on both lanes, with cancellations, while the model is replaced.
  FrontRig rig;
  Link& link = rig.connect();
  for (int round = 0; round < 30; ++round) {
    const Lane lane = round % 2 == 0 ? Lane::kInline : Lane::kBatch;
    auto version = rig.serve({.name = "m", .lane = lane}, x_to_y());
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(link.infer(infer_x("m", {1})));
    rig.receive(link);
    const std::uint64_t number = rig.put("m", {.number = 1, .version = nullptr, .failure = {}});
    std::thread control([&rig, number, old = std::move(version)]() mutable {
      while (!rig.versions.is_seen_by_all(number)) std::this_thread::yield();
      old->retire([] { return false; });
      old.reset();
    });
    const std::int32_t late = link.infer(infer_x("m", {1}));
    link.client.reset(ids[0]);
    for (std::size_t i = 1; i < ids.size(); ++i) rig.await(link, ids[i]);
    rig.await(link, late);
    control.join();
    for (std::size_t i = 1; i < ids.size(); ++i) EXPECT_EQ(link.status(ids[i]), "0");
    EXPECT_EQ(link.status(late), "5");
  }
}

}  // namespace penstock::testing
