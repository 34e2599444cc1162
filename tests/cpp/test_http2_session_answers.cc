// SPDX-License-Identifier: Apache-2.0
// What this side does on a stream: headers, body, trailers, resets, and what becomes of them.
#include <string>
#include <utility>

#include "h2_pair.h"
#include "harness.h"
#include "http2/session.h"

namespace penstock::testing {
namespace {

using Kind = http::Event::Kind;
using Answer = H2Client::Answer;

// A pair with one request that is complete.
struct Asked {
  explicit Asked(const http2::Limits& limits = {}, const H2Client::Options& options = {})
      : pair(limits, options), id(pair.client.request(grpc_request("/a/B"), "ask")) {
    PENSTOCK_CHECK(pair.exchange());
  }
  const Answer& answer() const { return pair.client.answer(id); }

  H2Pair pair;
  std::int32_t id;
};

}  // namespace

TEST(http2_session, an_answer_is_headers_then_body_then_trailers) {
  Asked asked;
  asked.pair.answer(asked.id, slice_of("hello"));
  REQUIRE(asked.pair.exchange());
  const Answer& answer = asked.answer();
  EXPECT(answer.headers == (Fields{{":status", "200"}, {"content-type", "application/grpc"}}));
  EXPECT_EQ(answer.body, "hello");
  EXPECT(answer.trailers == (Fields{{"grpc-status", "0"}}));
  EXPECT(answer.is_ended);
  EXPECT(!answer.reset_code.has_value());
  EXPECT_EQ(asked.pair.session->open_streams(), 0);
}

TEST(http2_session, an_answer_may_be_headers_alone) {
  Asked asked;
  const std::array fields = {field_of(":status", "200"), field_of("grpc-status", "5")};
  asked.pair.session->send_headers(asked.id, fields, true);
  REQUIRE(asked.pair.exchange());
  EXPECT(asked.answer().is_ended);
  EXPECT_EQ(asked.answer().field("grpc-status"), "5");
  EXPECT_EQ(asked.answer().data_frames, 0);
}

TEST(http2_session, headers_and_trailers_need_no_body_between_them) {
  Asked asked;
  asked.pair.send_head(asked.id);
  asked.pair.send_status(asked.id);
  REQUIRE(asked.pair.exchange());
  EXPECT(asked.answer().is_ended);
  EXPECT_EQ(asked.answer().body, "");
  EXPECT_EQ(asked.answer().field("grpc-status"), "0");
}

TEST(http2_session, fields_are_copied_when_they_are_given) {
  Asked asked;
  {
    std::string name = "x-name";
    std::string value(500, 'v');
    const std::array head = {field_of(":status", "200"), http::Field{name, value}};
    asked.pair.session->send_headers(asked.id, head, false);
    const std::array tail = {http::Field{name, value}};
    asked.pair.session->send_trailers(asked.id, tail);
    name.assign("gone!!");
    value.assign(500, '!');
  }
  REQUIRE(asked.pair.exchange());
  EXPECT(asked.answer().headers.back() == std::pair(std::string("x-name"), std::string(500, 'v')));
  EXPECT(asked.answer().trailers.back() == asked.answer().headers.back());
}

TEST(http2_session, the_parts_of_an_answer_may_come_one_by_one) {
  Asked asked;
  H2Pair& pair = asked.pair;
  pair.send_head(asked.id);
  REQUIRE(pair.exchange());
  EXPECT_EQ(asked.answer().headers.size(), 2);
  for (const std::string_view part : {"one", "two", "three"}) {
    pair.session->send_data(asked.id, slice_of(part));
    REQUIRE(pair.exchange());
    EXPECT(asked.answer().body.ends_with(part));
  }
  pair.session->send_data(asked.id, base::Slice());  // nothing is no part
  REQUIRE(pair.exchange());
  EXPECT_EQ(asked.answer().data_frames, 3);
  EXPECT(!asked.answer().is_ended);
  pair.send_status(asked.id);
  REQUIRE(pair.exchange());
  EXPECT(asked.answer().is_ended);
  EXPECT_EQ(asked.answer().body, "onetwothree");
}

TEST(http2_session, slices_of_all_sizes_arrive_as_one_body) {
  Asked asked({}, {.frame_bytes_max = 30'000});
  std::string wanted;
  asked.pair.send_head(asked.id);
  for (unsigned i = 0; i < 60; ++i) {
    const std::string part = patterned(i % 3 == 0 ? 1023 + i % 5 : i * 977, i + 1);
    asked.pair.session->send_data(asked.id, slice_of(part));
    wanted += part;
  }
  EXPECT_EQ(asked.pair.session->unsent_bytes(), wanted.size());
  asked.pair.send_status(asked.id);
  REQUIRE(asked.pair.exchange());
  EXPECT(asked.answer().body == wanted);
  EXPECT(asked.answer().is_ended);
  EXPECT_EQ(asked.pair.session->unsent_bytes(), 0);
}

TEST(http2_session, a_large_slice_is_not_copied_and_is_let_go_once_it_is_written) {
  Asked asked({.output_bytes_max = std::size_t{1} << 20}, {.frame_bytes_max = 1 << 20});
  base::Buffer::trim_pool();
  base::Slice slice = slice_of(patterned(200'000));
  const std::byte* const at = slice.bytes.data();
  asked.pair.answer(asked.id, std::move(slice));
  http::Output output;
  REQUIRE(asked.pair.session->take_output(output).has_value());
  std::array<iovec, 8> pieces;
  const std::size_t count = output.gather(pieces);
  REQUIRE(count >= 2);
  EXPECT(pieces[1].iov_base == at);
  EXPECT_EQ(pieces[1].iov_len, 200'000);
  EXPECT_EQ(base::Buffer::trim_pool(), 0);
  const std::size_t head_bytes = pieces[0].iov_len;
  output.advance(head_bytes + 199'999);
  EXPECT_EQ(base::Buffer::trim_pool(), 0);
  output.advance(1);
  EXPECT(base::Buffer::trim_pool() >= 200'000);
}

TEST(http2_session, a_body_outlives_its_stream_and_its_session_until_it_is_written) {
  const std::string text = patterned(100'000);
  http::Output output;
  {
    Asked asked({}, {.frame_bytes_max = 200'000});
    asked.pair.answer(asked.id, slice_of(text));
    REQUIRE(asked.pair.session->take_output(output).has_value());
  }
  EXPECT_CONTAINS(written(output), text);
}

TEST(http2_session, a_session_may_end_with_answers_unsent) {
  base::Buffer::trim_pool();
  {
    Asked asked({}, {.stream_window = 0, .consumes = false});
    asked.pair.answer(asked.id, slice_of(patterned(100'000)));
    REQUIRE(asked.pair.exchange());
    EXPECT_EQ(asked.answer().body, "");
  }
  EXPECT(base::Buffer::trim_pool() >= 100'000);
}

TEST(http2_session, an_early_answer_asks_the_client_to_stop) {
  // RFC 9113 section 8.1: the answer first and whole, then RST_STREAM with NO_ERROR.
  H2Pair pair;
  const std::int32_t with_body = pair.client.request(grpc_request("/a/B"), "part", false);
  const std::int32_t without = pair.client.request(grpc_request("/a/B"), "part", false);
  REQUIRE(pair.exchange());
  pair.take_events();
  pair.answer(with_body, slice_of("early"));
  const std::array fields = {field_of(":status", "200"), field_of("grpc-status", "3")};
  pair.session->send_headers(without, fields, true);
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.client.answer(with_body).body, "early");
  for (const std::int32_t id : {with_body, without}) {
    EXPECT(pair.client.answer(id).is_ended);
    EXPECT(pair.client.answer(id).reset_code == http2::kNoError);
    EXPECT_NE(pair.client.answer(id).field("grpc-status"), "");
  }
  EXPECT_EQ(pair.session->open_streams(), 0);
  EXPECT(pair.events.empty());
}

TEST(http2_session, what_still_comes_after_an_early_answer_is_given_back) {
  H2Pair pair({.stream_window_bytes = 100'000, .connection_window_bytes = 100'000});
  REQUIRE(pair.exchange());
  for (int i = 0; i < 20; ++i) {
    const std::int32_t id = pair.client.request(grpc_request("/a/B"), patterned(60'000), false);
    const std::string all = pair.client.take_output();
    REQUIRE(pair.to_session(std::string_view(all).substr(0, 1000)));
    pair.answer(id, slice_of("early"));
    http::Output output;
    REQUIRE(pair.session->take_output(output).has_value());  // not yet read by the client
    REQUIRE(pair.to_session(std::string_view(all).substr(1000)));
    EXPECT(pair.client.feed(bytes_of_text(written(output))));
    REQUIRE(pair.exchange());
  }
  EXPECT(pair.client.connection_room() >= 50'000);
}

TEST(http2_session, output_stops_at_its_bound_and_goes_on_later) {
  constexpr std::size_t kMax = 64 << 10;
  Asked asked({.output_bytes_max = kMax});
  asked.pair.answer(asked.id, slice_of(patterned(1 << 20)));
  std::size_t takes = 0;
  while (const std::size_t taken = asked.pair.to_client()) {
    EXPECT_LE(taken, kMax + 16384 + 9);
    ++takes;
  }
  EXPECT(takes >= 16);
  EXPECT(asked.answer().body == patterned(1 << 20));
  EXPECT(asked.answer().is_ended);
  EXPECT(!asked.pair.session->wants_write());
}

TEST(http2_session, a_stream_may_be_reset_while_its_next_frame_waits_for_room) {
  for (const bool is_by_peer : {true, false}) {
    Asked asked({.output_bytes_max = 20'000});
    H2Pair& pair = asked.pair;
    base::Buffer::trim_pool();
    pair.answer(asked.id, slice_of(patterned(1 << 20)));
    pair.to_client();
    pair.to_client();
    EXPECT(pair.session->unsent_bytes() > 900'000);
    if (is_by_peer) {
      pair.client.reset(asked.id);
      REQUIRE(pair.to_session());
    } else {
      pair.session->reset_stream(asked.id, http2::kCancel);
    }
    // In its place comes another stream, whose record may be the same.
    const std::int32_t next = pair.client.request(grpc_request("/a/B"), "");
    REQUIRE(pair.to_session());
    pair.answer(next, slice_of("mine"));
    REQUIRE(pair.exchange());
    EXPECT_EQ(pair.client.answer(next).body, "mine");
    EXPECT(pair.client.answer(asked.id).is_closed());
    EXPECT_EQ(pair.session->unsent_bytes(), 0);
    EXPECT_EQ(pair.session->open_streams(), 0);
    EXPECT(base::Buffer::trim_pool() >= 1 << 20);
  }
}

TEST(http2_session, a_body_may_grow_and_end_while_its_next_frame_waits_for_room) {
  Asked asked({.output_bytes_max = 20'000});
  H2Pair& pair = asked.pair;
  pair.send_head(asked.id);
  std::string wanted;
  for (unsigned i = 0; i < 10; ++i) {
    wanted += patterned(50'000, i);
    pair.session->send_data(asked.id, slice_of(patterned(50'000, i)));
    pair.to_client();
  }
  pair.send_status(asked.id);
  REQUIRE(pair.exchange());
  EXPECT(asked.answer().body == wanted);
  EXPECT(asked.answer().is_ended);
}

TEST(http2_session, output_that_is_full_already_takes_nothing) {
  Asked asked({.output_bytes_max = 1000});
  asked.pair.answer(asked.id, slice_of("body"));
  http::Output output;
  output.append(slice_of(std::string(1000, 'x')));
  REQUIRE(asked.pair.session->take_output(output).has_value());
  EXPECT_EQ(output.size(), 1000);
  EXPECT(asked.pair.session->wants_write());
}

TEST(http2_session, a_stream_carries_nothing_over_to_the_next_one) {
  H2Pair pair({}, {.stream_window = 50, .consumes = false});
  for (int i = 0; i < 3; ++i) {
    // Left with a body unsent, trailers unsent, a head past the limit, or deferred.
    const std::int32_t unsent = pair.client.request(grpc_request("/a/B"), "", false);
    const std::int32_t large =
        pair.client.request(grpc_request("/a/B", Fields(600, {"a", "b"})), "");
    const std::int32_t deferred = pair.client.request(grpc_request("/a/B"), "");
    REQUIRE(pair.exchange());
    pair.answer(unsent, slice_of(patterned(5000)));
    pair.send_head(deferred);
    REQUIRE(pair.exchange());
    for (const std::int32_t id : {unsent, large, deferred}) pair.client.reset(id);
    REQUIRE(pair.exchange());
    EXPECT_EQ(pair.session->open_streams(), 0);
    EXPECT_EQ(pair.session->unsent_bytes(), 0);
    pair.take_events();

    const std::int32_t next = pair.client.request(grpc_request("/next"), "");
    REQUIRE(pair.exchange());
    EXPECT_EQ(pair.count(Kind::kRequest), 1);
    pair.send_head(next);
    REQUIRE(pair.exchange());
    EXPECT(!pair.client.answer(next).is_ended);
    pair.session->send_data(next, slice_of("mine"));
    pair.send_status(next);
    REQUIRE(pair.exchange());
    EXPECT_EQ(pair.client.answer(next).body, "mine");
    EXPECT(pair.client.answer(next).is_ended);
    EXPECT_EQ(pair.client.answer(next).trailers.size(), 1);
  }
}

TEST(http2_session, many_streams_at_once_each_have_their_own_answer) {
  H2Pair pair;
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 1000; ++i) {
    ids.push_back(pair.client.request(grpc_request("/a/B"), "ask " + std::to_string(i)));
  }
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.session->open_streams(), 1000);
  for (std::size_t i = ids.size(); i-- > 0;) {
    pair.answer(ids[i], slice_of("answer " + std::to_string(i)));
  }
  REQUIRE(pair.exchange());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(pair.body(ids[i]), "ask " + std::to_string(i));
    EXPECT_EQ(pair.client.answer(ids[i]).body, "answer " + std::to_string(i));
    EXPECT(pair.client.answer(ids[i]).is_ended);
  }
  EXPECT_EQ(pair.session->open_streams(), 0);
}

TEST(http2_session, trailers_too_large_for_http2_do_not_leave_the_stream_open) {
  Asked asked;
  asked.pair.send_head(asked.id);
  const std::string value(200'000, 'v');
  const std::array fields = {field_of("grpc-status", "0"), field_of("x-large", value)};
  asked.pair.session->send_trailers(asked.id, fields);
  REQUIRE(asked.pair.exchange());
  EXPECT(asked.answer().is_closed());
  EXPECT_EQ(asked.pair.session->open_streams(), 0);
}

TEST(http2_session, headers_too_large_for_http2_do_not_leave_the_stream_open) {
  Asked asked;
  const std::string value(200'000, 'v');
  const std::array fields = {field_of(":status", "200"), field_of("x-large", value)};
  asked.pair.session->send_headers(asked.id, fields, true);
  REQUIRE(asked.pair.exchange());
  EXPECT(asked.answer().is_closed());
  EXPECT_EQ(asked.pair.session->open_streams(), 0);
}

}  // namespace penstock::testing
