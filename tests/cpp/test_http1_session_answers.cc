// SPDX-License-Identifier: Apache-2.0
// What this side does, as the peer reads it: bytes.
#include <string>

#include "h1_peer.h"
#include "harness.h"

namespace penstock::testing {
namespace {

// A peer whose one request waits for its answer.
H1Peer asked(std::string_view request) {
  H1Peer peer;
  EXPECT(peer.send(request));
  return peer;
}

}  // namespace

TEST(http1_session, answers_go_out_in_the_order_of_the_requests) {
  H1Peer peer;
  REQUIRE(peer.send(get("/1") + post("two") + get("/3")));
  peer.answer(3, "three");
  peer.answer(2, "two");
  EXPECT_EQ(peer.receive(), "");
  EXPECT_EQ(peer.session->unsent_bytes(), 8);
  EXPECT(!peer.session->wants_write());
  peer.answer(1, "one");
  EXPECT(peer.session->wants_write());
  EXPECT_EQ(peer.receive(),
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\noneHTTP/1.1 200 OK\r\ncontent-length: "
            "3\r\n\r\ntwoHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthree");
  EXPECT_EQ(peer.session->unsent_bytes(), 0);
  EXPECT_EQ(peer.session->open_streams(), 0);
}

TEST(http1_session, an_answer_without_a_length_is_chunked_as_it_comes) {
  H1Peer peer = asked(get());
  peer.begin(1, {{"x", "y"}}, false);
  EXPECT_EQ(peer.receive(), "HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n");
  peer.give(1, "hello");
  peer.give(1, std::string(16, 'a'));
  EXPECT_EQ(peer.receive(), "5\r\nhello\r\n10\r\naaaaaaaaaaaaaaaa\r\n");
  EXPECT_EQ(peer.story(), "R1 E1 F1");
  peer.give(1, "!");
  peer.session->send_trailers(1, {});
  EXPECT_EQ(peer.receive(), "1\r\n!\r\n0\r\n\r\n");
  EXPECT_EQ(peer.story(), "R1 E1 F1");
}

TEST(http1_session, trailers_stand_behind_the_last_chunk) {
  H1Peer peer = asked(get());
  peer.begin(1, {}, false);
  const http::Field trailers[] = {{"x-sum", "7"}, {"content-length", "9"}};
  peer.session->send_trailers(1, trailers);
  EXPECT(peer.receive().ends_with("\r\n\r\n0\r\nx-sum: 7\r\n\r\n"));
}

TEST(http1_session, an_answer_that_ends_with_its_head_has_no_bytes) {
  H1Peer peer = asked(get());
  peer.begin(1, {{"content-length", "10"}}, true, "404");
  EXPECT_EQ(peer.receive(), "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
}

TEST(http1_session, an_answer_to_head_has_no_body_whatever_is_given) {
  H1Peer peer = asked("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  peer.begin(1, {{"content-length", "10"}}, false);
  peer.give(1, "0123456789");
  EXPECT_EQ(peer.session->unsent_bytes(), 0);
  EXPECT_EQ(peer.receive(), "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n");
  EXPECT_EQ(peer.story(), "R1 E1 F1");
  peer.session->send_trailers(1, {});
  EXPECT_EQ(peer.receive(), "");
  EXPECT(!peer.session->is_finished());
  H1Peer unknown = asked("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  unknown.begin(1, {}, true);
  EXPECT_EQ(unknown.receive(), "HTTP/1.1 200 OK\r\n\r\n");
}

TEST(http1_session, no_content_and_not_modified_have_no_body) {
  for (const char* const status : {"204", "304"}) {
    H1Peer peer = asked(get());
    peer.begin(1, {}, false, status);
    peer.give(1, "unwanted");
    peer.session->send_trailers(1, {});
    const std::string text = peer.receive();
    EXPECT(text.ends_with("\r\n\r\n") && !text.contains("chunked") && !text.contains("length"));
    EXPECT(!peer.session->is_finished());
  }
}

TEST(http1_session, http_1_0_gets_no_chunks_and_the_end_of_the_connection_ends_the_body) {
  H1Peer peer = asked("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  peer.begin(1, {}, false);
  peer.give(1, "hello");
  peer.session->send_trailers(1, {});
  EXPECT_EQ(peer.receive(), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello");
  EXPECT(peer.session->is_finished());
}

TEST(http1_session, http_1_0_keeps_the_connection_if_it_asks_and_the_length_is_known) {
  H1Peer peer = asked("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  peer.answer(1, "hello");
  EXPECT_EQ(peer.receive(),
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nhello");
  EXPECT(!peer.session->is_finished());
}

TEST(http1_session, a_body_is_held_to_the_length_that_was_announced) {
  H1Peer more = asked(get());
  more.begin(1, {{"content-length", "3"}}, false);
  more.give(1, "abcdef");
  more.session->send_trailers(1, {});
  EXPECT(more.receive().ends_with("\r\n\r\nabc"));
  EXPECT(!more.session->is_finished());
  H1Peer less = asked(get());
  less.begin(1, {{"content-length", "3"}}, false);
  less.give(1, "a");
  less.session->send_trailers(1, {});
  EXPECT(less.receive().ends_with("\r\n\r\na"));
  EXPECT(less.session->is_finished());
}

TEST(http1_session, a_value_cannot_end_its_field) {
  H1Peer peer = asked(get());
  peer.begin(1, {{"x-why", "a\r\nset-cookie: b\n\0c\td"}, {"bad name", "x"}, {"te", "x"}}, true);
  EXPECT_EQ(peer.receive(),
            "HTTP/1.1 200 OK\r\nx-why: a  set-cookie: b \r\ncontent-length: 0\r\n\r\n");
}

TEST(http1_session, answers_have_the_date_that_the_workspace_has) {
  H1Peer peer = asked(get());
  peer.workspace->date.set(784'111'777);
  peer.begin(1, {}, true);
  EXPECT_CONTAINS(peer.receive(), "\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

TEST(http1_session, a_large_slice_is_not_copied_and_is_let_go_once_it_is_written) {
  H1Peer peer = asked(get());
  peer.begin(1, {}, false);
  base::Buffer block = base::Buffer::allocate(100'000);
  std::ranges::fill(block.bytes(), std::byte{'x'});
  peer.session->send_data(1, {block, block.bytes()});
  peer.session->send_trailers(1, {});
  http::Output output;
  REQUIRE(peer.session->take_output(output).has_value());
  std::array<iovec, 8> pieces;
  const std::size_t count = output.gather(pieces);
  bool is_found = false;
  for (const iovec& piece : std::span(pieces).first(count)) {
    is_found = is_found || (piece.iov_base == block.data() && piece.iov_len == 100'000);
  }
  EXPECT(is_found);
  const std::string begin = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n186a0\r\nxxx";
  EXPECT(H1Peer::flat(output).starts_with(begin));
}

TEST(http1_session, dropped_data_is_not_sent) {
  H1Peer peer = asked(get());
  peer.begin(1, {}, false);
  peer.give(1, "unwanted");
  peer.session->drop_data(1);
  EXPECT_EQ(peer.session->unsent_bytes(), 0);
  peer.session->send_trailers(1, {});
  EXPECT(peer.receive().ends_with("\r\n\r\n0\r\n\r\n"));
  EXPECT(!peer.session->is_finished());
}

TEST(http1_session, verbs_on_a_stream_that_is_gone_do_nothing) {
  H1Peer peer = asked(get());
  peer.answer(1, "x");
  peer.receive();
  for (const std::int32_t id : {-1, 0, 1, 2, 100}) {
    peer.begin(id, {}, false);
    peer.give(id, "x");
    peer.session->drop_data(id);
    peer.session->reopen_stream(id, 10);
    peer.session->send_trailers(id, {});
    peer.session->reset_stream(id, 0);
  }
  EXPECT_EQ(peer.receive(), "");
  EXPECT(!peer.session->is_finished());
  EXPECT_EQ(peer.session->unsent_bytes(), 0);
}

// --- Expect: 100-continue -----------------------------------------------------------------------

namespace {
constexpr std::string_view kExpecting =
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
}  // namespace

TEST(http1_session, a_peer_that_waits_to_be_asked_for_the_body_is_asked_once) {
  H1Peer peer = asked(kExpecting);
  EXPECT(peer.session->wants_write());
  EXPECT_EQ(peer.receive(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(peer.receive(), "");
  REQUIRE(peer.send("hello"));
  peer.answer(1, "x");
  EXPECT(peer.receive().starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT(!peer.session->is_finished());
}

TEST(http1_session, a_peer_that_has_not_waited_is_not_asked) {
  H1Peer peer = asked(std::string(kExpecting) + "h");
  EXPECT_EQ(peer.receive(), "");
}

TEST(http1_session, a_peer_whose_request_is_refused_is_not_asked_and_the_connection_ends) {
  H1Peer peer = asked(kExpecting);
  peer.answer(1, "no", {}, "413");
  EXPECT_EQ(peer.receive(),
            "HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
  EXPECT(peer.session->is_finished());
}

TEST(http1_session, a_peer_is_asked_after_the_answers_before) {
  H1Peer peer = asked(get() + std::string(kExpecting));
  EXPECT_EQ(peer.receive(), "");
  peer.answer(1, "x");
  EXPECT(
      peer.receive().ends_with("x"
                               "HTTP/1.1 100 Continue\r\n\r\n"));
}

TEST(http1_session, an_unknown_expectation_cannot_be_met) {
  H1Peer peer = asked(get("/", "Expect: tea\r\n"));
  EXPECT_EQ(peer.story(), "C1");
  EXPECT(peer.receive().starts_with("HTTP/1.1 417 Expectation Failed\r\n"));
}

}  // namespace penstock::testing
