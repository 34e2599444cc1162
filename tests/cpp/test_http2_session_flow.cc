// SPDX-License-Identifier: Apache-2.0
// Flow control both ways, large bodies, and the graceful end of a connection.
#include <string>

#include "h2_pair.h"
#include "harness.h"
#include "http2/session.h"

namespace penstock::testing {
namespace {

using Kind = http::Event::Kind;

// A body of `size` bytes goes up and comes back whole.
void echo(std::size_t size, const H2Client::Options& options = {}) {
  H2Pair pair({}, options);
  const std::string body = patterned(size);
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), body);
  REQUIRE(pair.exchange());
  REQUIRE(pair.count(Kind::kEnd) == 1);
  std::string received = pair.body(id);
  EXPECT(received == body);
  pair.answer(id, slice_of(received));
  REQUIRE(pair.exchange());
  EXPECT(pair.client.answer(id).body == body);
  EXPECT(pair.client.answer(id).is_ended);
}

}  // namespace

TEST(http2_session, a_mebibyte_goes_both_ways) { echo(1 << 20); }

TEST(http2_session, sixty_four_mebibytes_go_both_ways) {
  echo(64 << 20);
  echo((64 << 20) + 5,
       {.stream_window = 65'535, .connection_window = 65'535, .frame_bytes_max = 1 << 20});
}

TEST(http2_session, a_peer_with_a_small_window_gets_everything_in_pieces) {
  H2Pair pair({}, {.stream_window = 100, .consumes = false});
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), "");
  REQUIRE(pair.exchange());
  pair.answer(id, slice_of(patterned(1050)));
  for (std::size_t received = 100; received < 1050; received += 100) {
    REQUIRE(pair.exchange());
    REQUIRE(pair.client.answer(id).body.size() == received);
    EXPECT_EQ(pair.session->unsent_bytes(), 1050 - received);
    pair.client.consume(id, 100);
  }
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.client.answer(id).body, patterned(1050));
  EXPECT(pair.client.answer(id).is_ended);
}

TEST(http2_session, a_window_of_nothing_may_open_later) {
  H2Pair pair({}, {.stream_window = 0, .consumes = false});
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), "");
  REQUIRE(pair.exchange());
  pair.answer(id, slice_of("body"));
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.client.answer(id).headers.size(), 2);
  EXPECT_EQ(pair.client.answer(id).body, "");
  pair.client.open_window(id, 3);
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.client.answer(id).body, "bod");
  pair.client.open_window(id, 1);
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.client.answer(id).body, "body");
  EXPECT(pair.client.answer(id).is_ended);
}

TEST(http2_session, a_stalled_stream_does_not_stall_another) {
  H2Pair pair({}, {.stream_window = 1000, .consumes = false});
  const std::int32_t stalled = pair.client.request(grpc_request("/a/B"), "");
  REQUIRE(pair.exchange());
  pair.answer(stalled, slice_of(patterned(1 << 20)));
  REQUIRE(pair.exchange());
  for (int i = 0; i < 20; ++i) {
    const std::int32_t id = pair.client.request(grpc_request("/a/B"), "ask");
    REQUIRE(pair.exchange());
    pair.answer(id, slice_of("answer"));
    REQUIRE(pair.exchange());
    EXPECT_EQ(pair.client.answer(id).body, "answer");
    EXPECT(pair.client.answer(id).is_ended);
  }
  EXPECT_EQ(pair.client.answer(stalled).body.size(), 1000);
}

TEST(http2_session, the_connection_window_bounds_all_streams_together) {
  H2Pair pair({}, {.stream_window = 1 << 20, .connection_window = 100'000, .consumes = false});
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(pair.client.request(grpc_request("/a/B"), ""));
  REQUIRE(pair.exchange());
  for (const std::int32_t id : ids) pair.answer(id, slice_of(patterned(50'000)));
  REQUIRE(pair.exchange());
  std::size_t received = 0;
  for (const std::int32_t id : ids) received += pair.client.answer(id).body.size();
  EXPECT_EQ(received, 100'000);
  pair.client.open_window(0, 100'000);
  REQUIRE(pair.exchange());
  for (const std::int32_t id : ids) EXPECT(pair.client.answer(id).body == patterned(50'000));
}

TEST(http2_session, streams_take_turns) {
  H2Pair pair({.output_bytes_max = 40'000}, {});
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(pair.client.request(grpc_request("/a/B"), ""));
  REQUIRE(pair.exchange());
  for (const std::int32_t id : ids) pair.answer(id, slice_of(patterned(1 << 20)));
  for (int i = 0; i < 20; ++i) pair.to_client();
  for (const std::int32_t id : ids) {
    EXPECT(pair.client.answer(id).body.size() > 100'000);
    EXPECT(pair.client.answer(id).body.size() < 400'000);
  }
}

TEST(http2_session, a_sender_stops_where_nobody_consumes_and_goes_on_where_somebody_does) {
  H2Pair pair({.stream_window_bytes = 70'000, .connection_window_bytes = 200'000});
  pair.consumes = false;
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), patterned(300'000));
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.body(id).size(), 70'000);
  EXPECT_EQ(pair.client.stream_room(id), 0);
  pair.reopen(id, 70'000);
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.body(id).size(), 140'000);
  pair.reopen(id, 70'000);
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.body(id).size(), 210'000);
  pair.consumes = true;
  pair.reopen(id, 70'000);
  REQUIRE(pair.exchange());
  EXPECT(pair.body(id) == patterned(300'000));
}

TEST(http2_session, received_streams_share_the_connection_window) {
  H2Pair pair({.stream_window_bytes = 100'000, .connection_window_bytes = 150'000});
  pair.consumes = false;
  const std::int32_t first = pair.client.request(grpc_request("/a/B"), patterned(100'000));
  const std::int32_t second = pair.client.request(grpc_request("/a/B"), patterned(100'000));
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.body(first).size() + pair.body(second).size(), 150'000);
  EXPECT_EQ(pair.client.connection_room(), 0);
  pair.reopen(first, pair.body(first).size());
  pair.reopen(second, pair.body(second).size());
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.body(first).size() + pair.body(second).size(), 200'000);
}

TEST(http2_session, bytes_of_a_stream_that_is_gone_go_back_to_the_connection) {
  H2Pair pair({.stream_window_bytes = 100'000, .connection_window_bytes = 100'000});
  pair.consumes = false;
  for (int i = 0; i < 10; ++i) {
    const std::int32_t id = pair.client.request(grpc_request("/a/B"), patterned(90'000), false);
    REQUIRE(pair.exchange());
    REQUIRE(pair.body(id).size() == 90'000);
    pair.client.reset(id);
    REQUIRE(pair.exchange());
    pair.reopen(id, 90'000);
    REQUIRE(pair.exchange());
  }
  EXPECT(pair.client.connection_room() >= 90'000);
}

TEST(http2_session, a_peer_that_ignores_the_windows_is_cut_off) {
  H2Pair pair({.stream_window_bytes = 65'535, .connection_window_bytes = 65'535});
  std::string bytes = std::string(kPreface) + frame(4, 0, 0, "") +
                      frame(1, 4, 1, header_block(grpc_request("/a/B")));
  for (int i = 0; i < 5; ++i) bytes += frame(0, 0, 1, std::string(16'000, 'x'));
  pair.consumes = false;
  const bool is_taken = pair.to_session(bytes);
  pair.to_client();
  EXPECT_LE(pair.body(1).size(), 65'535);
  EXPECT(!is_taken || pair.session->is_finished());
}

// ---------------------------------------------------------------------------------------------
// The graceful end

TEST(http2_session, a_shutdown_notice_names_the_highest_id_and_changes_nothing) {
  H2Pair pair;
  const std::int32_t before = pair.client.request(grpc_request("/a/B"), "");
  REQUIRE(pair.exchange());
  pair.session->submit_shutdown_notice();
  REQUIRE(pair.exchange());
  REQUIRE(pair.client.goaways().size() == 1);
  EXPECT_EQ(pair.client.goaways()[0].last_stream_id, 0x7fffffff);
  EXPECT_EQ(pair.client.goaways()[0].error_code, 0);
  EXPECT(!pair.session->is_finished());
  pair.answer(before, slice_of("body"));
  REQUIRE(pair.exchange());
  EXPECT(pair.client.answer(before).is_ended);
}

TEST(http2_session, requests_behind_the_notice_are_served_and_those_behind_the_goaway_are_not) {
  H2Pair pair;
  const std::string block = header_block(grpc_request("/a/B"));
  REQUIRE(pair.to_session(std::string(kPreface) + frame(4, 0, 0, "") + frame(1, 5, 1, block)));
  pair.session->submit_shutdown_notice();
  http::Output output;
  REQUIRE(pair.session->take_output(output).has_value());
  REQUIRE(pair.to_session(frame(1, 5, 3, block)));
  EXPECT_EQ(pair.count(Kind::kRequest), 2);
  pair.session->submit_goaway(http2::kNoError, "bye");
  REQUIRE(pair.session->take_output(output).has_value());
  EXPECT_CONTAINS(written(output), std::string_view("\0\0\0\3\0\0\0\0bye", 11));
  REQUIRE(pair.to_session(frame(1, 5, 5, block)));
  EXPECT_EQ(pair.count(Kind::kRequest), 2);
  EXPECT_EQ(pair.session->open_streams(), 2);
  EXPECT(!pair.session->is_finished());
  pair.answer(1, slice_of("one"));
  pair.answer(3, slice_of("three"));
  REQUIRE(pair.session->take_output(output).has_value());
  EXPECT_CONTAINS(written(output), "three");
  EXPECT(pair.session->is_finished());
}

TEST(http2_session, requests_between_submitting_a_goaway_and_sending_it_are_refused) {
  H2Pair pair;
  const std::string block = header_block(grpc_request("/a/B"));
  REQUIRE(pair.to_session(std::string(kPreface) + frame(4, 0, 0, "") + frame(1, 5, 1, block)));
  pair.session->submit_goaway(http2::kNoError, "bye");
  REQUIRE(pair.to_session(frame(1, 5, 3, block)));
  http::Output output;
  REQUIRE(pair.session->take_output(output).has_value());
  EXPECT_EQ(pair.session->open_streams(), 1);
  // The stream was told of, so its end is: with the next bytes, whatever they are.
  pair.take_events();
  REQUIRE(pair.to_session(frame(6, 0, 0, "12345678")));
  if (pair.count(Kind::kStreamClosed) == 1) EXPECT_EQ(pair.events[0].stream_id, 3);
}

TEST(http2_session, a_notice_on_an_idle_connection_waits_for_its_second_step) {
  H2Pair pair;
  REQUIRE(pair.exchange());
  pair.session->submit_shutdown_notice();
  pair.session->submit_ping();
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.count(Kind::kPingAck), 1);
  EXPECT(!pair.session->is_finished());
  pair.session->submit_goaway(http2::kNoError, "");
  EXPECT(!pair.session->is_finished());
  // By hand: nghttp2's client reads nothing more once it knows that no stream will be answered.
  http::Output output;
  REQUIRE(pair.session->take_output(output).has_value());
  EXPECT_EQ(written(output), frame(7, 0, 0, std::string(8, '\0')));
  EXPECT(pair.session->is_finished());
}

TEST(http2_session, a_goaway_on_an_idle_connection_finishes_it) {
  H2Pair pair;
  REQUIRE(pair.exchange());
  pair.session->submit_goaway(11, "too many pings");
  EXPECT(!pair.session->is_finished());
  REQUIRE(pair.exchange());
  EXPECT(pair.session->is_finished());
  REQUIRE(pair.client.goaways().size() == 1);
  EXPECT_EQ(pair.client.goaways()[0].error_code, 11);
  EXPECT_EQ(pair.client.goaways()[0].why, "too many pings");
  EXPECT_EQ(pair.client.goaways()[0].last_stream_id, 0);
}

}  // namespace penstock::testing
