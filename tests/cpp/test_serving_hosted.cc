// SPDX-License-Identifier: Apache-2.0
// Calls that the control thread answers; the test is the control thread.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "grpc/compression.h"
#include "harness.h"
#include "serving_doubles.h"

namespace penstock::testing {
namespace {

using Kind = serving::HostedEvent::Kind;
using Verb = serving::HostedCommand::Kind;
using serving::Bridge;

constexpr std::string_view kPath = "/test.Service/Method";

std::string text_of(const base::Slice& slice) {
  return {reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size()};
}

class Rig : public FrontRig {
 public:
  explicit Rig(const serving::FrontOptions& front_options = {}) : FrontRig(front_options) {
    bridge->host({{std::string(kPath)}, false});
  }
  // What the control thread hears.
  std::vector<serving::HostedEvent> hear() {
    settle();
    std::vector<serving::HostedEvent> events;
    bridge->take(events);
    return events;
  }
  void say(serving::HostedCommand command) {
    PENSTOCK_CHECK(bridge->send(std::span(&command, 1)) == 1);
    settle();
  }
  void say_message(serving::HostedCallId call, std::string_view message,
                   bool is_compressed = false) {
    say({.kind = Verb::kMessage,
         .call = call,
         .message = slice_of("....." + std::string(message)),
         .is_compressed = is_compressed});
  }
  void finish(serving::HostedCallId call, base::Error status = {base::Code::kOk, {}},
              serving::Metadata trailers = {}) {
    say({.kind = Verb::kFinish,
         .call = call,
         .metadata = std::move(trailers),
         .status = std::move(status)});
  }
  // A call whose request goes on.
  std::int32_t open(Link& link, const Fields& more = {}) {
    return link.client.request(grpc_request(kPath, more), "", false);
  }
};

std::vector<Kind> kinds_of(const std::vector<serving::HostedEvent>& events) {
  std::vector<Kind> kinds;
  for (const auto& event : events) kinds.push_back(event.kind);
  return kinds;
}

}  // namespace

TEST(serving_hosted, a_call_is_told_from_its_begin_to_its_end) {
  Rig rig;
  Rig::Link& link = rig.connect();
  const std::int32_t id = link.client.request(
      grpc_request(kPath, {{"k", "v"}, {"b-bin", "AP8"}, {"grpc-timeout", "100S"}}),
      grpc_framed("one") + grpc_framed(""));
  const auto events = rig.hear();
  REQUIRE(kinds_of(events) ==
          std::vector({Kind::kBegin, Kind::kMessage, Kind::kMessage, Kind::kHalfClose}));
  EXPECT_EQ(events[0].path, kPath);
  EXPECT(events[0].metadata ==
         (serving::Metadata{{"k", "v"}, {"b-bin", std::string("\0\xff", 2)}}));
  EXPECT(events[0].deadline_ns != base::kNever);
  EXPECT_EQ(events[0].peer, "test:0");
  EXPECT_EQ(text_of(events[1].message), "one");
  EXPECT_EQ(text_of(events[2].message), "");
  rig.say_message(events[0].call, "answer");
  rig.finish(events[0].call, {base::Code::kOk, {}}, {{"t", "1"}, {"u-bin", "\x01"}});
  EXPECT_EQ(link.status(id), "0");
  EXPECT_EQ(link.reply(id), "answer");
  EXPECT_EQ(link.answer(id).field("t"), "1");
  EXPECT_EQ(link.answer(id).field("u-bin"), "AQ");
  const auto last = rig.hear();
  REQUIRE(kinds_of(last) == std::vector({Kind::kEnd}));
  EXPECT(last[0].end.code == base::Code::kOk);
}

TEST(serving_hosted, an_error_without_an_answer_is_trailers_alone) {
  Rig rig;
  Rig::Link& link = rig.connect();
  const std::int32_t id = link.call(kPath);
  const auto call = rig.hear().at(0).call;
  rig.finish(call, {base::Code::kNotFound, "no such thing"}, {{"t", "1"}});
  EXPECT_EQ(link.status(id), "5");
  EXPECT_EQ(link.message(id), "no such thing");
  EXPECT(link.answer(id).trailers.empty());
  EXPECT_EQ(link.answer(id).field("t"), "1");
}

TEST(serving_hosted, initial_metadata_come_before_any_message) {
  Rig rig;
  Rig::Link& link = rig.connect();
  const std::int32_t id = link.call(kPath);
  const auto call = rig.hear().at(0).call;
  rig.say({.kind = Verb::kHeaders, .call = call, .metadata = {{"early", "yes"}}});
  EXPECT_EQ(link.answer(id).field("early"), "yes");
  EXPECT(!link.answer(id).is_ended);
  // A second time they are not sent.
  rig.say({.kind = Verb::kHeaders, .call = call, .metadata = {{"late", "yes"}}});
  rig.finish(call);
  EXPECT_EQ(link.answer(id).field("late"), "");
  EXPECT_EQ(link.status(id), "0");
}

TEST(serving_hosted, an_answer_is_compressed_in_the_headers_encoding) {
  Rig rig;
  Rig::Link& link = rig.connect();
  const std::int32_t id = link.call(kPath);
  const auto call = rig.hear().at(0).call;
  rig.say({.kind = Verb::kHeaders, .call = call, .encoding = grpc::Encoding::kGzip});
  rig.say_message(call, std::string(1000, 'x'), true);
  rig.finish(call);
  EXPECT_EQ(link.answer(id).field("grpc-encoding"), "gzip");
  const std::string& body = link.answer(id).body;
  REQUIRE(body.size() > 5 && body.size() < 100);
  EXPECT(body[0] == 1);
  const auto plain = grpc::decompress(grpc::Encoding::kGzip,
                                      bytes_of_text(std::string_view(body).substr(5)), 2000);
  REQUIRE(plain.has_value());
  EXPECT_EQ(text_of(*plain), std::string(1000, 'x'));
}

TEST(serving_hosted, a_compressed_request_arrives_plain_and_says_so) {
  Rig rig;
  Rig::Link& link = rig.connect();
  const base::Slice whole = slice_of("....." + std::string(1000, 'y'));
  const auto frame = grpc::compress_frame(grpc::Encoding::kGzip, grpc::CompressionLevel::kLow,
                                          std::span(&whole, 1));
  link.client.request(grpc_request(kPath, {{"grpc-encoding", "gzip"}}),
                      text_of(frame) + grpc_framed("plain"));
  const auto events = rig.hear();
  REQUIRE(events.size() == 4);
  EXPECT(events[1].was_compressed && !events[2].was_compressed);
  EXPECT_EQ(text_of(events[1].message), std::string(1000, 'y'));
}

TEST(serving_hosted, messages_that_nobody_reads_are_bounded_in_number) {
  Rig rig;
  Rig::Link& link = rig.connect();
  std::string many;
  constexpr std::size_t kSent = 100;
  for (std::size_t i = 0; i < kSent; ++i) many += grpc_framed(std::to_string(i));
  const std::int32_t id = link.client.request(grpc_request(kPath), many);
  auto events = rig.hear();
  REQUIRE(events.size() == 1 + Bridge::kUnreadMessagesMax);
  const auto call = events[0].call;
  // One by one, in order, and the half-close behind the last.
  std::size_t next = 0;
  events.erase(events.begin());
  while (!events.empty() && events.front().kind == Kind::kMessage) {
    EXPECT_EQ(text_of(events.front().message), std::to_string(next++));
    events.erase(events.begin());
    rig.say({.kind = Verb::kConsumed, .call = call, .messages = 1, .bytes = 2});
    for (auto& event : rig.hear()) events.push_back(std::move(event));
  }
  EXPECT_EQ(next, kSent);
  REQUIRE(kinds_of(events) == std::vector({Kind::kHalfClose}));
  rig.finish(call);
  EXPECT_EQ(link.status(id), "0");
}

TEST(serving_hosted, a_peer_whose_messages_nobody_reads_waits_for_its_window) {
  Rig rig;
  Rig::Link& link = rig.connect({}, {.stream_window_bytes = 64 << 10});
  const std::int32_t id = rig.open(link);
  const auto call = rig.hear().at(0).call;
  const std::string message = grpc_framed(patterned(30'000));
  for (int i = 0; i < 100; ++i) link.client.send(id, message, i == 99);
  std::size_t got = 0;
  bool is_ended = false;
  std::size_t most_at_once = 0;
  for (auto events = rig.hear(); !events.empty() || !is_ended; events = rig.hear()) {
    std::size_t bytes = 0;
    std::size_t messages = 0;
    for (const auto& event : events) {
      is_ended = is_ended || event.kind == Kind::kHalfClose;
      if (event.kind != Kind::kMessage) continue;
      EXPECT(text_of(event.message) == patterned(30'000));
      bytes += event.message.bytes.size();
      ++messages;
    }
    most_at_once = std::max(most_at_once, messages);
    got += messages;
    if (is_ended) break;
    REQUIRE(messages > 0);
    rig.say({.kind = Verb::kConsumed, .call = call, .messages = messages, .bytes = bytes});
  }
  EXPECT_EQ(got, 100);
  EXPECT(most_at_once <= Bridge::kUnreadMessagesMax);
}

TEST(serving_hosted, written_bytes_are_told_when_they_are_many) {
  Rig rig;
  Rig::Link& link = rig.connect();
  rig.open(link);
  const auto call = rig.hear().at(0).call;
  rig.say_message(call, "small");
  EXPECT(rig.hear().empty());
  rig.say_message(call, patterned(Bridge::kWrittenStepBytes));
  const auto events = rig.hear();
  REQUIRE(kinds_of(events) == std::vector({Kind::kWritten}));
  EXPECT_EQ(events[0].bytes, 5 + Bridge::kWrittenStepBytes + 2 * Bridge::kMessageOverheadBytes);
}

TEST(serving_hosted, what_a_peer_does_not_take_is_not_told_as_written) {
  Rig rig;
  Rig::Link& link = rig.connect({.stream_window = 10, .consumes = false});
  rig.open(link);
  const auto call = rig.hear().at(0).call;
  rig.say_message(call, patterned(2 * Bridge::kWrittenStepBytes));
  EXPECT(rig.hear().empty());
}

TEST(serving_hosted, every_call_ends_once_however_it_ends) {
  Rig rig;
  const auto end_of = [&](auto&& happen) {
    Rig::Link& link = rig.connect();
    const std::int32_t id = rig.open(link, {{"grpc-timeout", "5S"}});
    const auto call = rig.hear().at(0).call;
    happen(link, id);
    const auto events = rig.hear();
    PENSTOCK_CHECK(events.size() == 1 && events[0].kind == Kind::kEnd);
    // Whatever is said now comes too late, and nobody minds.
    rig.say_message(call, "late");
    rig.finish(call);
    rig.say({.kind = Verb::kConsumed, .call = call, .messages = 1, .bytes = 1});
    PENSTOCK_CHECK(rig.hear().empty());
    return events[0].end.code;
  };
  EXPECT(end_of([](Rig::Link& link, std::int32_t id) { link.client.reset(id); }) ==
         base::Code::kCancelled);
  EXPECT(end_of([&](Rig::Link& link, std::int32_t) { rig.disconnect(link); }) ==
         base::Code::kCancelled);
  EXPECT(end_of([](Rig::Link& link, std::int32_t id) { link.client.send(id, "\x02....", true); }) ==
         base::Code::kInternal);
  EXPECT(end_of([](Rig::Link& link, std::int32_t id) { link.client.send(id, "\x01", true); }) ==
         base::Code::kInternal);
  EXPECT(end_of([&](Rig::Link&, std::int32_t) { rig.skew_ns += 6 * base::kSecond; }) ==
         base::Code::kDeadlineExceeded);
}

TEST(serving_hosted, a_deadline_ends_an_answer_that_has_begun_by_its_trailers) {
  Rig rig;
  Rig::Link& link = rig.connect({.stream_window = 10, .consumes = false});
  const std::int32_t id = rig.open(link, {{"grpc-timeout", "5S"}});
  const auto call = rig.hear().at(0).call;
  rig.say_message(call, patterned(1000));
  rig.skew_ns += 6 * base::kSecond;
  EXPECT_EQ(rig.hear().size(), 1);
  EXPECT_EQ(link.status(id), "4");
  EXPECT_EQ(link.answer(id).body.size(), 10);
  EXPECT(link.answer(id).is_ended);
}

TEST(serving_hosted, calls_are_bounded_and_give_their_place_back_when_their_end_is_heard) {
  Rig rig;
  Rig::Link& link = rig.connect();
  std::vector<std::int32_t> open;
  for (std::size_t i = 0; i < FrontRig::kHostedCallsMax; ++i) open.push_back(rig.open(link));
  rig.settle();
  const std::int32_t more = rig.open(link);
  rig.settle();
  EXPECT_EQ(link.status(more), "8");
  EXPECT_CONTAINS(link.message(more), "--grpc-service-calls-max");
  link.client.reset(open[0]);
  rig.settle();
  const std::int32_t too_early = rig.open(link);
  rig.settle();
  EXPECT_EQ(link.status(too_early), "8");
  EXPECT_EQ(rig.hear().size(), FrontRig::kHostedCallsMax + 1);
  const std::int32_t again = rig.open(link);
  EXPECT(kinds_of(rig.hear()) == std::vector({Kind::kBegin}));
  EXPECT_EQ(link.status(again), "");
}

TEST(serving_hosted, a_method_that_is_not_hosted_is_refused_without_asking) {
  Rig rig;
  Rig::Link& link = rig.connect();
  const std::int32_t method = link.call("/test.Service/Other");
  const std::int32_t service = link.call("/test.Other/Method");
  EXPECT(rig.hear().empty());
  EXPECT_EQ(link.status(method), "12");
  EXPECT_CONTAINS(link.message(method), "has no method \"Other\"");
  EXPECT_EQ(link.status(service), "12");
  EXPECT_CONTAINS(link.message(service), "no service \"test.Other\"");
  rig.bridge->host({{}, true});
  link.call("/test.Other/Method");
  EXPECT(kinds_of(rig.hear()).front() == Kind::kBegin);
}

TEST(serving_hosted, metadata_that_is_no_base64_is_refused) {
  Rig rig;
  Rig::Link& link = rig.connect();
  const std::int32_t id = rig.open(link, {{"x-bin", "!"}});
  EXPECT(rig.hear().empty());
  EXPECT_EQ(link.status(id), "3");
  EXPECT_CONTAINS(link.message(id), "\"x-bin\" must be base64");
}

TEST(serving_hosted, bytes_that_nobody_reads_count_against_the_bound_of_all) {
  Rig rig({.inflight_bytes_max = 100'000});
  Rig::Link& link = rig.connect();
  const std::int32_t id = rig.open(link);
  link.client.send(id, grpc_framed(patterned(40'000)), false);
  EXPECT_EQ(rig.hear().size(), 2);
  link.client.send(id, grpc_framed(patterned(40'000)), false);
  const auto events = rig.hear();
  EXPECT_EQ(link.status(id), "8");
  EXPECT(events.back().kind == Kind::kEnd);
}

TEST(serving_hosted, a_draining_server_ends_calls_that_go_on) {
  Rig rig({.hosted_drain_ns = 10 * base::kSecond});
  Rig::Link& link = rig.connect();
  const std::int32_t before = rig.open(link);
  rig.settle();
  rig.front.end_connections(rig.now());
  const std::int32_t after = rig.open(link);
  EXPECT_EQ(rig.hear().size(), 2);
  rig.skew_ns += 11 * base::kSecond;
  EXPECT_EQ(rig.hear().size(), 2);
  for (const std::int32_t id : {before, after}) {
    EXPECT_EQ(link.status(id), "14");
    EXPECT_CONTAINS(link.message(id), "drains");
  }
}

TEST(serving_hosted, answers_that_a_peer_does_not_read_count_against_the_bound_of_all) {
  Rig rig({.inflight_bytes_max = 200'000});
  Rig::Link& link = rig.connect({.stream_window = 10, .consumes = false});
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(link.call(kPath));
    const auto call = rig.hear().at(0).call;
    rig.say_message(call, patterned(40'000));
    rig.finish(call);
    const auto events = rig.hear();
    REQUIRE(kinds_of(events) == std::vector({Kind::kEnd}));
    EXPECT(events[0].end.code == (i < 2 ? base::Code::kOk : base::Code::kResourceExhausted));
  }
  EXPECT_EQ(link.status(ids[1]), "");
  EXPECT_EQ(link.status(ids[3]), "8");
  EXPECT(link.session->unsent_bytes() <= 100'000);
}

TEST(serving_hosted, small_pieces_that_wait_lie_together) {
  serving::HostedCall call;
  std::string kept;
  for (int i = 0; i < 10'000; ++i) {
    const std::string piece = patterned(static_cast<std::size_t>(i % 20 + 1));
    kept += piece;
    REQUIRE(call.keep_unparsed(bytes_of_text(piece)));
  }
  EXPECT_EQ(call.unparsed_bytes, kept.size());
  EXPECT(call.unparsed.size() <= kept.size() / 2048 + 1);
  std::string found;
  for (const base::Slice& slice : call.unparsed) found += text_of(slice);
  EXPECT(found == kept);
}

TEST(serving_hosted, a_call_that_comes_to_hold_less_is_not_refused_for_what_others_hold) {
  Rig rig({.inflight_bytes_max = 100'000});
  Rig::Link& early = rig.connect();
  const std::int32_t id = rig.open(early);
  early.client.send(id, grpc_framed(patterned(1000)) + grpc_framed(patterned(43'000)), false);
  const auto call = rig.hear().at(0).call;
  Rig::Link& late = rig.connect();
  late.client.send(rig.open(late), grpc_framed(patterned(25'000)), false);
  EXPECT_EQ(rig.hear().size(), 2);
  rig.say({.kind = Verb::kConsumed, .call = call, .messages = 1, .bytes = 1000});
  EXPECT(rig.hear().empty());
  EXPECT_EQ(early.status(id), "");
}

}  // namespace penstock::testing
