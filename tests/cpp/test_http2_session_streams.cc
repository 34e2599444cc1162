// SPDX-License-Identifier: Apache-2.0
// Answers that come in parts: bodies that wait, windows that are closed, ends that come early.
#include <string>

#include "h2_pair.h"
#include "harness.h"
#include "http2/session.h"

namespace penstock::testing {
namespace {

using Kind = http::Event::Kind;

// A request that was read, whose answer has begun.
struct Begun {
  explicit Begun(const H2Client::Options& options = {}, const http2::Limits& limits = {})
      : pair(limits, options), id(pair.client.request(grpc_request("/a/B"), "")) {
    PENSTOCK_CHECK(pair.exchange());
    pair.send_head(id);
    PENSTOCK_CHECK(pair.exchange());
    pair.take_events();
  }
  void exchange() {
    PENSTOCK_CHECK(pair.exchange());
    for (const http::Event& event : pair.session->take_late_events()) late.push_back(kept(event));
  }
  const H2Client::Answer& answer() const { return pair.client.answer(id); }

  H2Pair pair;
  std::int32_t id;
  std::vector<KeptEvent> late;
};

}  // namespace

TEST(http2_session, parts_of_a_body_are_sent_as_they_come) {
  Begun call;
  for (const std::string_view part : {"one", "two", "three"}) {
    call.pair.session->send_data(call.id, slice_of(part));
    call.exchange();
    EXPECT(call.answer().body.ends_with(part));
  }
  EXPECT(!call.answer().is_ended);
  call.pair.send_status(call.id);
  call.exchange();
  EXPECT(call.answer().is_ended);
  EXPECT_EQ(call.answer().field("grpc-status"), "0");
}

TEST(http2_session, a_body_that_is_framed_is_told_once) {
  Begun call;
  call.pair.session->send_data(call.id, slice_of("one"));
  call.pair.session->send_data(call.id, slice_of("two"));
  call.exchange();
  REQUIRE(call.late.size() == 1);
  EXPECT(call.late[0].kind == Kind::kBodyFramed);
  EXPECT_EQ(call.late[0].stream_id, call.id);
  call.exchange();
  EXPECT_EQ(call.late.size(), 1);
}

TEST(http2_session, a_body_that_ends_with_trailers_is_not_told) {
  Begun call;
  call.pair.session->send_data(call.id, slice_of("all"));
  call.pair.send_status(call.id);
  call.exchange();
  EXPECT(call.late.empty());
}

TEST(http2_session, a_body_behind_a_closed_window_is_not_framed) {
  Begun call({.stream_window = 4, .consumes = false});
  call.pair.session->send_data(call.id, slice_of("eight by"));
  call.exchange();
  EXPECT(call.late.empty());
  EXPECT_EQ(call.pair.session->unsent_bytes(), 4);
  call.pair.client.consume(call.id, 4);
  call.exchange();
  REQUIRE(call.late.size() == 1);
  EXPECT_EQ(call.answer().body, "eight by");
}

TEST(http2_session, trailers_need_no_window) {
  Begun call({.stream_window = 4, .consumes = false});
  call.pair.session->send_data(call.id, slice_of("four"));
  call.exchange();
  call.pair.send_status(call.id);
  call.exchange();
  EXPECT_EQ(call.answer().body, "four");
  EXPECT_EQ(call.answer().field("grpc-status"), "0");
  EXPECT(call.answer().is_ended);
}

TEST(http2_session, trailers_without_a_body_need_no_window) {
  Begun call({.stream_window = 0, .consumes = false});
  call.pair.send_status(call.id);
  call.exchange();
  EXPECT_EQ(call.answer().field("grpc-status"), "0");
  EXPECT(call.answer().is_closed());
}

TEST(http2_session, headers_and_trailers_may_be_given_at_once) {
  H2Pair pair({}, {.stream_window = 0, .consumes = false});
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), "");
  REQUIRE(pair.exchange());
  pair.send_head(id);
  pair.send_status(id);
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.client.answer(id).field(":status"), "200");
  EXPECT_EQ(pair.client.answer(id).field("grpc-status"), "0");
  EXPECT(pair.client.answer(id).is_ended);
}

TEST(http2_session, what_is_dropped_is_not_sent_and_the_trailers_are) {
  Begun call({.stream_window = 4, .consumes = false});
  call.pair.session->send_data(call.id, slice_of("eight by"));
  call.exchange();
  call.pair.session->drop_data(call.id);
  EXPECT_EQ(call.pair.session->unsent_bytes(), 0);
  call.pair.send_status(call.id);
  call.exchange();
  EXPECT_EQ(call.answer().body, "eigh");
  EXPECT(call.answer().is_ended);
}

// nghttp2 has decided on a frame of the body and waits for room in the output to write it.
TEST(http2_session, a_frame_that_was_begun_is_finished_after_a_drop) {
  Begun call({}, {.output_bytes_max = 20'000});
  call.pair.session->send_data(call.id, slice_of(patterned(100'000)));
  http::Output output;
  REQUIRE(call.pair.session->take_output(output).has_value());
  const std::size_t framed = 100'000 - call.pair.session->unsent_bytes();
  REQUIRE(framed > 0 && framed < 100'000);
  call.pair.session->drop_data(call.id);
  call.pair.session->send_data(call.id, slice_of("end"));
  call.pair.send_status(call.id);
  REQUIRE(call.pair.client.feed(bytes_of_text(written(output))));
  call.exchange();
  const std::string& body = call.answer().body;
  EXPECT(call.answer().is_ended);
  EXPECT(body.ends_with("end"));
  EXPECT(body.size() >= framed + 3 && body.size() < 100'000);
  EXPECT(patterned(100'000).starts_with(body.substr(0, body.size() - 3)));
  EXPECT_EQ(call.pair.session->unsent_bytes(), 0);
}

TEST(http2_session, a_drop_on_a_stream_that_is_gone_does_nothing) {
  Begun call;
  call.pair.client.reset(call.id);
  call.exchange();
  call.pair.session->drop_data(call.id);
  call.pair.session->drop_data(99);
  EXPECT(call.pair.exchange());
}

TEST(http2_session, trailers_behind_a_frame_that_was_begun_need_no_window) {
  // The fourth frame of four finds the output full, and is what the window has room for last.
  H2Pair pair({.output_bytes_max = 40'000}, {.stream_window = 4 * 16'384, .consumes = false});
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), "");
  REQUIRE(pair.exchange());
  pair.send_head(id);
  pair.session->send_data(id, slice_of(patterned(1 << 20)));
  REQUIRE(pair.to_client() > 0);
  REQUIRE(pair.client.answer(id).body.size() == 3 * 16'384);
  pair.session->drop_data(id);
  pair.send_status(id);
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.client.answer(id).body.size(), 4 * 16'384);
  EXPECT_EQ(pair.client.answer(id).field("grpc-status"), "0");
  EXPECT(pair.client.answer(id).is_ended);
  EXPECT_EQ(pair.session->unsent_bytes(), 0);
}

TEST(http2_session, a_stream_may_be_reset_while_a_frame_of_it_is_begun) {
  H2Pair pair({.output_bytes_max = 40'000}, {.stream_window = 1 << 20, .consumes = false});
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), "");
  const std::int32_t other = pair.client.request(grpc_request("/a/B"), "");
  REQUIRE(pair.exchange());
  pair.send_head(id);
  pair.session->send_data(id, slice_of(patterned(1 << 20)));
  REQUIRE(pair.to_client() > 0);
  pair.client.reset(id);
  REQUIRE(pair.to_session(pair.client.take_output()));
  EXPECT_EQ(pair.session->unsent_bytes(), 0);
  pair.answer(other, slice_of("whole"));
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.client.answer(other).body, "whole");
  EXPECT(pair.client.answer(other).is_ended);
}

TEST(http2_session, however_many_fields_are_given_all_are_sent) {
  for (const std::size_t count : {64U, 65U, 300U, 1000U}) {
    H2Pair pair;
    const std::int32_t id = pair.client.request(grpc_request("/a/B"), "");
    REQUIRE(pair.exchange());
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back("n" + std::to_string(i));
    std::vector<http::Field> fields;
    for (const std::string& name : names) fields.push_back({name, "v"});
    pair.send_head(id);
    pair.session->send_data(id, slice_of("body"));
    pair.session->send_trailers(id, fields);
    REQUIRE(pair.exchange());
    EXPECT_EQ(pair.client.answer(id).trailers.size(), count);
    EXPECT_EQ(pair.client.answer(id).field(names.back()), "v");
  }
}

}  // namespace penstock::testing
