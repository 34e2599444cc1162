// SPDX-License-Identifier: Apache-2.0
// What a peer does, as http2::Session tells it: events.
#include <string>

#include "h2_pair.h"
#include "harness.h"
#include "http2/session.h"

namespace penstock::testing {
namespace {

using Kind = http::Event::Kind;

std::vector<Kind> kinds_of(const std::vector<KeptEvent>& events) {
  std::vector<Kind> kinds;
  for (const KeptEvent& event : events) kinds.push_back(event.kind);
  return kinds;
}

// The connection's first bytes by hand, and a request's HEADERS.
std::string opening() { return std::string(kPreface) + frame(4, 0, 0, ""); }

}  // namespace

TEST(http2_session, a_request_is_its_fields_in_order_then_its_body_then_its_end) {
  H2Pair pair;
  const Fields fields = grpc_request("/a/B", {{"x-one", "1"}, {"x-two", "2"}, {"x-one", "3"}});
  const std::int32_t id = pair.client.request(fields, "hello");
  REQUIRE(pair.exchange());
  REQUIRE(pair.events.size() == 3);
  EXPECT(kinds_of(pair.events) == std::vector({Kind::kRequest, Kind::kData, Kind::kEnd}));
  EXPECT(pair.events[0].fields == fields);
  EXPECT_EQ(pair.events[1].data, "hello");
  for (const KeptEvent& event : pair.events) EXPECT_EQ(event.stream_id, id);
  EXPECT_EQ(pair.session->open_streams(), 1);
}

TEST(http2_session, a_request_without_a_body_ends_at_once) {
  H2Pair pair;
  pair.client.request(grpc_request("/a/B"), "");
  REQUIRE(pair.exchange());
  EXPECT(kinds_of(pair.events) == std::vector({Kind::kRequest, Kind::kEnd}));
}

TEST(http2_session, a_request_cut_anywhere_is_the_same_request) {
  H2Client client;
  const Fields fields = grpc_request("/a/B", {{"x-long", std::string(300, 'v')}});
  client.request(fields, patterned(700));
  const std::string bytes = client.take_output();
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{7}, std::size_t{64}, std::size_t{999}}) {
    H2Pair pair;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      REQUIRE(pair.to_session(std::string_view(bytes).substr(at, step)));
    }
    EXPECT(pair.events.front().fields == fields);
    EXPECT_EQ(pair.body(1), patterned(700));
    EXPECT(pair.events.back().kind == Kind::kEnd);
  }
}

TEST(http2_session, sessions_of_one_workspace_do_not_hear_each_other) {
  // Every session is cut within its head while the others use the workspace.
  const auto workspace = std::make_shared<http2::Workspace>();
  std::vector<std::unique_ptr<H2Pair>> pairs;
  std::vector<Fields> fields;
  std::vector<std::string> bytes;
  for (int i = 0; i < 4; ++i) {
    const std::string number = std::to_string(i);
    fields.push_back(grpc_request("/s/m" + number, {{"x-long" + number, std::string(5000, 'a')}}));
    H2Client client;
    client.request(fields.back(), "body " + number);
    client.request(fields.back(), "second " + number);
    bytes.push_back(client.take_output());
    pairs.push_back(std::make_unique<H2Pair>(workspace));
  }
  for (std::size_t at = 0; at < bytes[0].size(); at += 100) {
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      REQUIRE(pairs[i]->to_session(std::string_view(bytes[i]).substr(at, 100)));
    }
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    REQUIRE(pairs[i]->count(Kind::kRequest) == 2);
    EXPECT_EQ(pairs[i]->count(Kind::kEnd), 2);
    EXPECT_EQ(pairs[i]->body(1), "body " + std::to_string(i));
    for (const KeptEvent& event : pairs[i]->events) {
      if (event.kind == Kind::kRequest) EXPECT(event.fields == fields[i]);
    }
    for (const std::int32_t id : {1, 3}) pairs[i]->answer(id, slice_of("x"));
    pairs[i]->to_client();
    EXPECT_EQ(pairs[i]->session->open_streams(), 0);
    if (i % 2 == 0) pairs[i]->session.reset();  // and what it leaves is of use to the next
  }
}

TEST(http2_session, padding_is_not_data) {
  H2Pair pair({}, {.padding = 200});
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), patterned(1000));
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.body(id), patterned(1000));
  EXPECT_EQ(pair.count(Kind::kEnd), 1);
}

TEST(http2_session, padding_is_given_back_to_the_windows) {
  H2Pair pair({.stream_window_bytes = 70'000, .connection_window_bytes = 70'000}, {.padding = 255});
  std::string body;
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), "", false);
  for (int i = 0; i < 2000; ++i) {  // half a megabyte of padding
    pair.client.send(id, "x", i == 1999);
    REQUIRE(pair.exchange());
  }
  EXPECT_EQ(pair.body(id), std::string(2000, 'x'));
}

TEST(http2_session, headers_may_be_continued) {
  H2Pair pair({.header_list_bytes_max = 60'000});
  const Fields fields =
      grpc_request("/a/B", {{"x-long", std::string(30'000, 'v')}, {"x-last", "w"}});
  pair.client.request(fields, "body");
  REQUIRE(pair.exchange());
  REQUIRE(!pair.events.empty());
  EXPECT(pair.events[0].fields == fields);
  EXPECT_EQ(pair.body(1), "body");
}

TEST(http2_session, continued_headers_may_come_in_frames_of_any_size) {
  const Fields fields = grpc_request("/a/B", {{"x-one", "1"}});
  const std::string block = header_block(fields);
  H2Pair pair;
  REQUIRE(pair.to_session(opening() + frame(1, 1, 1, "") + frame(9, 0, 1, block.substr(0, 3)) +
                          frame(9, 0, 1, block.substr(3, 0)) + frame(9, 4, 1, block.substr(3))));
  REQUIRE(pair.events.size() == 2);
  EXPECT(pair.events[0].fields == fields);
  EXPECT(pair.events[1].kind == Kind::kEnd);
}

TEST(http2_session, trailers_of_a_request_are_passed_over) {
  H2Pair pair;
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), "body", false);
  pair.client.send_trailers(id, {{"x-trailer", "t"}});
  REQUIRE(pair.exchange());
  EXPECT(kinds_of(pair.events) == std::vector({Kind::kRequest, Kind::kData, Kind::kEnd}));
}

TEST(http2_session, a_header_list_at_the_limit_is_a_request_and_past_it_none) {
  // RFC 9113 section 6.5.2: 32 bytes per field beside name and value.
  const Fields plain = grpc_request("/a/B", {{"x-fill", ""}});
  std::size_t bytes = 0;
  for (const auto& [name, value] : plain) bytes += name.size() + value.size() + 32;
  for (const std::size_t limit : {std::size_t{1000}, std::size_t{16384}}) {
    H2Pair pair({.header_list_bytes_max = static_cast<std::uint32_t>(limit)});
    Fields fields = plain;
    fields.back().second = std::string(limit - bytes, 'f');
    pair.client.request(fields, "");
    fields.back().second += 'g';
    pair.client.request(fields, "");
    pair.client.request(plain, "");
    REQUIRE(pair.exchange());
    REQUIRE(kinds_of(pair.events) ==
            std::vector({Kind::kRequest, Kind::kEnd, Kind::kRequestTooLarge, Kind::kEnd,
                         Kind::kRequest, Kind::kEnd}));
    EXPECT(pair.events[2].fields.empty());
    EXPECT(pair.events[4].fields == plain);  // and not a field of the one before
  }
}

TEST(http2_session, many_fields_count_although_they_are_short) {
  H2Pair pair;
  pair.client.request(grpc_request("/a/B", Fields(500, {"a", "b"})), "");
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.count(Kind::kRequestTooLarge), 1);
}

TEST(http2_session, requests_of_one_feed_come_in_order_with_their_own_fields) {
  H2Pair pair;
  for (int i = 0; i < 50; ++i) {
    pair.client.request(grpc_request("/s/m" + std::to_string(i)), "b" + std::to_string(i));
  }
  REQUIRE(pair.exchange());
  int seen = 0;
  for (const KeptEvent& event : pair.events) {
    if (event.kind != Kind::kRequest) continue;
    EXPECT_EQ(event.fields[2].second, "/s/m" + std::to_string(seen));
    EXPECT_EQ(pair.body(event.stream_id), "b" + std::to_string(seen));
    ++seen;
  }
  EXPECT_EQ(seen, 50);
}

TEST(http2_session, a_reset_by_the_peer_closes_the_stream_with_its_code) {
  H2Pair pair;
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), "body", false);
  REQUIRE(pair.exchange());
  pair.take_events();
  pair.client.reset(id, http2::kCancel);
  REQUIRE(pair.exchange());
  REQUIRE(pair.events.size() == 1);
  EXPECT(pair.events[0].kind == Kind::kStreamClosed);
  EXPECT_EQ(pair.events[0].stream_id, id);
  EXPECT_EQ(pair.events[0].error_code, http2::kCancel);
  EXPECT_EQ(pair.session->open_streams(), 0);
}

TEST(http2_session, a_request_and_its_reset_may_come_in_one_feed) {
  H2Pair pair;
  H2Client client;
  const std::int32_t id = client.request(grpc_request("/a/B"), "body", false);
  std::string bytes = client.take_output();
  client.reset(id, 5);
  bytes += client.take_output();
  REQUIRE(pair.to_session(bytes));
  EXPECT(kinds_of(pair.events) == std::vector({Kind::kRequest, Kind::kData, Kind::kStreamClosed}));
  EXPECT_EQ(pair.events.back().error_code, 5);
  pair.answer(id, slice_of("nobody hears this"));
  REQUIRE(pair.to_client() > 0);
  EXPECT_EQ(pair.session->unsent_bytes(), 0);
}

TEST(http2_session, a_stream_that_this_side_has_ended_closes_without_a_word) {
  H2Pair pair;
  const std::int32_t answered = pair.client.request(grpc_request("/a/B"), "");
  const std::int32_t reset = pair.client.request(grpc_request("/a/B"), "", false);
  REQUIRE(pair.exchange());
  pair.take_events();
  pair.answer(answered, slice_of("body"));
  pair.session->reset_stream(reset, http2::kCancel);
  REQUIRE(pair.exchange());
  EXPECT(pair.events.empty());
  EXPECT_EQ(pair.session->open_streams(), 0);
  EXPECT(pair.client.answer(answered).is_ended);
  EXPECT(pair.client.answer(reset).reset_code == http2::kCancel);
}

TEST(http2_session, a_reset_while_the_answer_waits_for_the_window_drops_it) {
  H2Pair pair({}, {.stream_window = 100, .consumes = false});
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), "");
  REQUIRE(pair.exchange());
  pair.take_events();
  base::Buffer::trim_pool();
  pair.answer(id, slice_of(patterned(300'000)));
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.session->unsent_bytes(), 300'000 - 100);
  pair.client.reset(id);
  REQUIRE(pair.exchange());
  EXPECT(pair.events.empty());  // all was said: nobody is interested
  EXPECT_EQ(pair.session->unsent_bytes(), 0);
  EXPECT(base::Buffer::trim_pool() >= 300'000);
}

TEST(http2_session, verbs_on_a_stream_that_is_gone_do_nothing) {
  H2Pair pair;
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), "", false);
  REQUIRE(pair.exchange());
  pair.client.reset(id);
  REQUIRE(pair.exchange());
  for (const std::int32_t gone : {id, 99, 2, 0}) {
    pair.answer(gone, slice_of("body"));
    pair.session->reset_stream(gone, http2::kCancel);
    pair.session->reopen_stream(gone, 1);
  }
  EXPECT_EQ(pair.session->unsent_bytes(), 0);
  EXPECT_EQ(pair.to_client(), 0);
}

TEST(http2_session, a_ping_is_answered_and_its_own_answer_is_an_event) {
  H2Pair pair;
  pair.client.ping();
  pair.session->submit_ping();
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.client.ping_acks_received(), 1);
  EXPECT_EQ(pair.client.pings_received(), 1);
  EXPECT_EQ(pair.count(Kind::kPingAck), 1);
}

TEST(http2_session, a_goaway_of_the_peer_is_an_event_and_ends_an_idle_session) {
  H2Pair pair;
  REQUIRE(pair.exchange());
  EXPECT(!pair.session->is_finished());
  pair.client.goaway();
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.count(Kind::kGoaway), 1);
  EXPECT(pair.session->is_finished());
}

TEST(http2_session, a_goaway_of_the_peer_lets_open_streams_finish) {
  H2Pair pair;
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), "");
  pair.client.goaway();
  REQUIRE(pair.exchange());
  EXPECT(!pair.session->is_finished());
  pair.answer(id, slice_of("body"));
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.client.answer(id).body, "body");
  EXPECT(pair.session->is_finished());
}

TEST(http2_session, a_bad_preface_is_an_error) {
  for (const std::string_view bytes :
       {std::string_view("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        std::string_view("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"), std::string_view("\x16\x03\x01")}) {
    H2Pair pair;
    EXPECT(!pair.to_session(bytes));
    EXPECT_CONTAINS(pair.error.why, "did not begin with HTTP/2's preface");
    EXPECT(pair.error.code == base::Code::kInternal);
    pair.to_client();
    REQUIRE(pair.client.goaways().size() == 1);
    EXPECT_EQ(pair.client.goaways()[0].error_code, http2::kProtocolError);
  }
}

TEST(http2_session, broken_frames_end_in_a_goaway) {
  const std::string block = header_block(grpc_request("/a/B"));
  const std::string_view zero4("\0\0\0\0", 4);
  for (const std::string& bytes :
       {frame(0, 0, 1, "data on an idle stream"), frame(1, 4, 2, block),      // an even id
        frame(8, 0, 0, zero4), frame(1, 4, 1, "\x80"),                        // HPACK index 0
        frame(9, 4, 1, block), frame(4, 0, 0, "abc"), frame(6, 0, 0, "abc"),  // sizes
        frame(0, 0, 1, std::string(70'000, 'x'))}) {
    H2Pair pair;
    const bool is_taken = pair.to_session(opening() + bytes);
    pair.to_client();
    EXPECT(!is_taken || pair.session->is_finished());
    REQUIRE(pair.client.goaways().size() == 1);
    EXPECT_NE(pair.client.goaways()[0].error_code, 0);
  }
}

TEST(http2_session, a_malformed_request_resets_its_own_stream_only) {
  Fields no_method = grpc_request("/a/B");
  no_method.erase(no_method.begin());
  Fields upper_case = grpc_request("/a/B", {{"X-Upper", "1"}});
  Fields connection = grpc_request("/a/B", {{"connection", "close"}});
  H2Pair pair;
  std::string bytes = opening();
  std::uint32_t id = 1;
  for (const Fields& fields : {no_method, upper_case, connection, grpc_request("/fine")}) {
    bytes += frame(1, 5, id, header_block(fields));
    id += 2;
  }
  REQUIRE(pair.to_session(bytes));
  REQUIRE(pair.count(Kind::kRequest) == 1);
  EXPECT_EQ(pair.events[0].stream_id, 7);
  pair.to_client();
  EXPECT_EQ(pair.session->open_streams(), 1);
}

TEST(http2_session, streams_past_the_limit_are_refused_while_the_peer_cannot_know_it) {
  H2Pair pair({.concurrent_streams_max = 3});
  std::string bytes = opening();
  for (std::uint32_t id = 1; id <= 9; id += 2) {
    bytes += frame(1, 5, id, header_block(grpc_request("/a/B")));
  }
  REQUIRE(pair.to_session(bytes));
  EXPECT_EQ(pair.count(Kind::kRequest), 3);
  EXPECT_EQ(pair.session->open_streams(), 3);
  for (const std::int32_t id : {1, 3, 5}) pair.answer(id, slice_of("x"));
  http::Output output;
  REQUIRE(pair.session->take_output(output).has_value());
  const std::string sent = written(output);
  EXPECT_CONTAINS(sent, frame(3, 0, 7, std::string_view("\0\0\0\7", 4)));
  EXPECT_CONTAINS(sent, frame(3, 0, 9, std::string_view("\0\0\0\7", 4)));
  REQUIRE(pair.to_session(frame(1, 5, 11, header_block(grpc_request("/a/B")))));
  EXPECT_EQ(pair.count(Kind::kRequest), 4);
}

TEST(http2_session, a_peer_that_knows_the_limit_of_streams_and_passes_it_is_refused_alike) {
  H2Pair pair({.concurrent_streams_max = 3});
  REQUIRE(pair.to_session(opening()));
  REQUIRE(pair.to_client() > 0);
  std::string bytes = frame(4, 1, 0, "");  // it has read the settings
  for (std::uint32_t id = 1; id <= 9; id += 2) {
    bytes += frame(1, 5, id, header_block(grpc_request("/a/B")));
  }
  REQUIRE(pair.to_session(bytes));
  EXPECT_EQ(pair.count(Kind::kRequest), 3);
  EXPECT_EQ(pair.session->open_streams(), 3);
  http::Output output;
  REQUIRE(pair.session->take_output(output).has_value());
  const std::string sent = written(output);
  EXPECT_CONTAINS(sent, frame(3, 0, 7, std::string_view("\0\0\0\7", 4)));
  EXPECT_CONTAINS(sent, frame(3, 0, 9, std::string_view("\0\0\0\7", 4)));
  EXPECT(!pair.session->is_finished());
}

TEST(http2_session, the_settings_are_the_limits) {
  H2Pair pair({.concurrent_streams_max = 7,
               .header_list_bytes_max = 5000,
               .frame_bytes_max = 20'000,
               .stream_window_bytes = 123'456,
               .connection_window_bytes = 654'321});
  REQUIRE(pair.exchange());
  H2Client& client = pair.client;
  EXPECT_EQ(client.server_setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), 7);
  EXPECT_EQ(client.server_setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE), 5000);
  EXPECT_EQ(client.server_setting(NGHTTP2_SETTINGS_MAX_FRAME_SIZE), 20'000);
  EXPECT_EQ(client.server_setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE), 123'456);
  EXPECT_EQ(client.connection_room(), 654'321);
}

TEST(http2_session, answers_that_nobody_reads_are_bounded) {
  H2Pair pair({.outbound_acks_max = 100});
  REQUIRE(pair.exchange());
  std::string pings;
  for (int i = 0; i < 300; ++i) pings += frame(6, 0, 0, "12345678");
  EXPECT(!pair.to_session(pings));
}

}  // namespace penstock::testing
