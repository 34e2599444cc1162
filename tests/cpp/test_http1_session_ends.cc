// SPDX-License-Identifier: Apache-2.0
// How a connection ends, and what a malformed request does to it.
#include <string>

#include "h1_peer.h"
#include "harness.h"

namespace penstock::testing {
namespace {

constexpr const char* kLastAnswer =
    "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx";

}  // namespace

TEST(http1_session, a_peer_that_asks_for_the_end_gets_its_answer_and_the_end) {
  H1Peer peer;
  REQUIRE(peer.send(get("/", "Connection: close\r\n") + get("/ignored")));
  EXPECT_EQ(peer.story(), "R1 E1 G");
  peer.answer(1, "x");
  EXPECT_EQ(peer.receive(), "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx");
  EXPECT(peer.session->is_finished());
  REQUIRE(peer.send(get()));
  EXPECT_EQ(peer.story(), "R1 E1 G");
}

TEST(http1_session, the_owner_may_end_the_connection_with_an_answer) {
  H1Peer peer;
  REQUIRE(peer.send(get() + get()));
  peer.answer(1, "x", {{"connection", "close"}});
  EXPECT_EQ(peer.receive(), "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx");
  EXPECT(peer.session->is_finished());
  EXPECT_EQ(peer.story(), "R1 E1 R2 E2 C2");
}

TEST(http1_session, a_malformed_request_is_answered_after_the_answers_before_it) {
  H1Peer peer;
  REQUIRE(peer.send(get("/1") + get("/2") + "GET / HTTP/1.1\nHost: h\n\n" + get("/4")));
  EXPECT_EQ(peer.story(), "R1 E1 R2 E2 C3");
  EXPECT_EQ(peer.events.back().error_code, http1::kProtocolError);
  EXPECT_EQ(peer.receive(), "");
  peer.answer(2, "b");
  peer.answer(1, "a");
  EXPECT_EQ(peer.receive(),
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 200 OK\r\ncontent-length: "
            "1\r\n\r\nbHTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            "content-length: 53\r\nconnection: close\r\n\r\n"
            R"({"error":"a line ends with LF alone; CRLF is wanted"})");
  EXPECT(peer.session->is_finished());
}

TEST(http1_session, each_malformed_head_is_told_at_once_and_wherever_it_is_cut) {
  struct Case {
    std::string bytes;
    const char* status;
  };
  const Case cases[] = {
      {"\x16\x03\x01\x02", "400"},
      {"\n", "400"},
      {" GET / HTTP/1.1\r\n\r\n", "400"},
      {"GET / HTTP/1.1\n", "400"},
      {"GET / HTTP/1.1\r\nHost: h\n", "400"},
      {"GET / HTTP/1.1\r\nHost: h\r\n\n", "400"},
      {"GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", "400"},
      {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", "505"},
      {"PRI * HTTP/2.0\r\n\r\n", "505"},
      {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n", "501"},
      {"GET / HTTP/1.1\r\nHost: h\r\nConnection: ,;\r\n\r\n", "400"},
  };
  for (const Case& one : cases) {
    for (std::size_t at = 0; at < one.bytes.size(); ++at) {
      H1Peer peer;
      REQUIRE(peer.send(one.bytes.substr(0, at)) && peer.send(one.bytes.substr(at)));
      EXPECT_EQ(peer.story(), "C1");
      const std::string text = peer.receive();
      EXPECT(text.starts_with("HTTP/1.1 " + std::string(one.status)));
      EXPECT_CONTAINS(text, "\r\nconnection: close\r\n\r\n{\"error\":\"");
      EXPECT_EQ(peer.session->unsent_bytes(), 0);
      EXPECT(peer.session->is_finished());
    }
  }
}

TEST(http1_session, a_malformed_chunk_is_refused_wherever_it_is_cut) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* const chunks :
       {"x\r\n", "\r\n", "5\nhello\r\n", "5;\r\n", "5;a\nb\r\nhello\r\n", "5\r\nhelloX\r\n",
        "5\r\nhello\n0\r\n\r\n", "5\r\nhello\rX", "-1\r\n", "5 \r\nhello\r\n", "0x5\r\nhello\r\n",
        "ffffffffffffffff\r\n", "0\r\nContent-Length: 5\r\n\r\n", "0\r\nX : 1\r\n\r\n", "0\r\n\n",
        "0\r\nX\r\n\r\n", "1\r\na\r\n0\r\n X: 1\r\n\r\n"}) {
    const std::string bytes = head + chunks;
    for (std::size_t at = head.size(); at < bytes.size(); ++at) {
      H1Peer peer;
      REQUIRE(peer.send(bytes.substr(0, at)) && peer.send(bytes.substr(at)));
      EXPECT(peer.story() == "R1 C1" || peer.story() == "R1 D1 C1");
      EXPECT_EQ(peer.events.back().error_code, http1::kProtocolError);
      EXPECT(peer.receive().starts_with("HTTP/1.1 400 Bad Request\r\n"));
      EXPECT(peer.session->is_finished());
    }
  }
}

TEST(http1_session, a_request_hidden_behind_another_ones_framing_is_never_heard) {
  for (const char* const fields :
       {"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        "Content-Length: 0\r\nContent-Length: 30\r\n", "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: xchunked\r\nContent-Length: 1\r\n", "X: y\nContent-Length: 30\r\n",
        "Content-Length: 30\r\n Content-Length: 0\r\n", "Transfer-Encoding:\x0b chunked\r\n",
        "X: \rTransfer-Encoding: chunked\r\n", "Content-Length: 0x1e\r\n",
        "Transfer-Encoding: chunked, identity\r\n", "Content-Length: 1e1\r\n"}) {
    H1Peer peer;
    REQUIRE(peer.send("POST / HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n0\r\n\r\n" +
                      get("/hidden")));
    EXPECT_EQ(peer.story(), "C1");
  }
}

TEST(http1_session, a_malformed_body_ends_a_connection_whose_answer_has_begun) {
  H1Peer peer;
  REQUIRE(peer.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
  peer.begin(1, {}, false);
  peer.give(1, "begun");
  EXPECT(peer.receive().ends_with("begun\r\n"));
  REQUIRE(peer.send("x\r\n"));
  EXPECT_EQ(peer.story(), "R1 F1 C1");
  EXPECT_EQ(peer.receive(), "");
  EXPECT(peer.session->is_finished());
}

TEST(http1_session, a_reset_ends_the_connection_after_the_answers_before_it) {
  H1Peer peer;
  REQUIRE(peer.send(get("/1") + get("/2") + get("/3")));
  peer.session->reset_stream(2, 8);
  peer.receive();
  EXPECT_EQ(peer.story(), "R1 E1 R2 E2 R3 E3 C3");
  EXPECT(!peer.session->is_finished());
  peer.answer(1, "x");
  EXPECT(peer.receive().ends_with("\r\n\r\nx"));
  EXPECT(peer.session->is_finished());
}

TEST(http1_session, a_reset_of_an_answer_that_has_begun_cuts_it) {
  H1Peer peer;
  REQUIRE(peer.send(get()));
  peer.begin(1, {}, false);
  peer.give(1, "a");
  peer.receive();
  peer.give(1, "b");
  peer.session->reset_stream(1, 8);
  EXPECT_EQ(peer.session->unsent_bytes(), 0);
  EXPECT_EQ(peer.receive(), "");
  EXPECT(peer.session->is_finished());
}

TEST(http1_session, a_goaway_finishes_an_idle_connection_at_once) {
  H1Peer fresh;
  fresh.session->submit_goaway(0, "");
  EXPECT(fresh.session->is_finished());
  H1Peer used;
  REQUIRE(used.send(get()));
  used.answer(1, "x");
  used.receive();
  used.session->submit_goaway(0, "");
  EXPECT(used.session->is_finished());
}

TEST(http1_session, a_goaway_awaits_the_request_that_has_begun_to_come) {
  H1Peer peer;
  const std::string request = get("/late");
  REQUIRE(peer.send(request.substr(0, 5)));
  peer.session->submit_goaway(0, "");
  EXPECT(!peer.session->is_finished());
  EXPECT(peer.session->header_block_since_ns() != base::kNever);  // and not for ever
  REQUIRE(peer.send(request.substr(5) + get("/another")));
  EXPECT_EQ(peer.story(), "R1 E1");
  peer.answer(1, "x");
  EXPECT_EQ(peer.receive(), kLastAnswer);
  EXPECT(peer.session->is_finished());
}

TEST(http1_session, from_its_retirement_on_each_answer_is_the_last_of_its_connection) {
  for (const bool by_notice : {false, true}) {
    H1Peer peer;
    REQUIRE(peer.send(get()));
    peer.answer(1, "x");
    EXPECT_EQ(peer.receive(), "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
    by_notice ? peer.session->submit_shutdown_notice() : peer.session->retire();
    EXPECT(!peer.session->is_finished());  // a request may be on its way
    EXPECT(!peer.session->wants_write());
    REQUIRE(peer.send(get()));
    peer.answer(2, "x");
    EXPECT_EQ(peer.receive(), kLastAnswer);
    EXPECT(peer.session->is_finished());
  }
}

TEST(http1_session, of_pipelined_requests_the_last_answer_says_that_it_is_the_last) {
  H1Peer peer;
  REQUIRE(peer.send(get() + get()));
  peer.session->retire();
  peer.answer(1, "x");
  EXPECT_EQ(peer.receive(), "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
  peer.begin(2, {{"content-length", "1"}}, false);
  EXPECT_CONTAINS(peer.receive(), "connection: close");
  REQUIRE(peer.send(get("/behind")));  // which the peer may not expect to be served
  EXPECT_EQ(peer.story(), "R1 E1 R2 E2");
  peer.give(2, "x");
  peer.session->send_trailers(2, {});
  EXPECT_EQ(peer.receive(), "x");
  EXPECT(peer.session->is_finished());
}

TEST(http1_session, an_early_last_answer_leaves_the_rest_of_its_request_room) {
  H1Peer peer;
  const std::string request = post("abc");
  REQUIRE(peer.send(request.substr(0, request.size() - 1)));
  peer.session->retire();
  peer.begin(1, {{"content-length", "1"}}, false);
  EXPECT_CONTAINS(peer.receive(), "connection: close");
  REQUIRE(peer.send(request.substr(request.size() - 1) + get("/behind")));
  EXPECT_EQ(peer.story(), "R1 D1 E1");
  EXPECT_EQ(peer.body(1), "abc");
  peer.give(1, "x");
  peer.session->send_trailers(1, {});
  EXPECT_EQ(peer.receive(), "x");
  EXPECT(peer.session->is_finished());
}

TEST(http1_session, a_peer_that_ends_its_half_is_asked_for_life_and_answered) {
  H1Peer peer;
  REQUIRE(peer.send(get() + get()));
  EXPECT(peer.session->end_input());
  EXPECT(peer.session->wants_write());
  EXPECT_EQ(peer.receive(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT(!peer.session->wants_write());
  peer.answer(1, "x");
  EXPECT_EQ(peer.receive(), "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
  peer.answer(2, "x");
  EXPECT_EQ(peer.receive(), kLastAnswer);
  EXPECT(peer.session->is_finished());
}

TEST(http1_session, an_answer_that_is_there_is_all_the_asking_it_needs) {
  H1Peer peer;
  REQUIRE(peer.send(get()));
  peer.answer(1, "x");
  EXPECT(peer.session->end_input());
  EXPECT_EQ(peer.receive(), kLastAnswer);
  EXPECT(peer.session->is_finished());
}

TEST(http1_session, a_peer_that_ends_its_half_within_a_request_or_without_one_is_gone) {
  H1Peer idle;
  EXPECT(!idle.session->end_input());
  H1Peer answered;
  REQUIRE(answered.send(get()));
  answered.answer(1, "x");
  answered.receive();
  EXPECT(!answered.session->end_input());
  H1Peer within_head;
  REQUIRE(within_head.send(get() + "GET /"));
  EXPECT(!within_head.session->end_input());
  H1Peer within_body;
  REQUIRE(within_body.send(post("abc").substr(0, 50)));
  EXPECT(!within_body.session->end_input());
  H1Peer http10;
  REQUIRE(http10.send("GET / HTTP/1.0\r\n\r\n"));
  EXPECT(!http10.session->end_input());
}

TEST(http1_session, a_goaway_is_said_by_the_last_of_the_answers) {
  H1Peer peer;
  REQUIRE(peer.send(get() + post("abc").substr(0, 50)));
  peer.session->submit_shutdown_notice();
  peer.session->submit_goaway(0, "");
  EXPECT(!peer.session->is_finished());
  peer.answer(1, "x");
  EXPECT_EQ(peer.receive(), "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
  REQUIRE(peer.send(post("abc").substr(50) + get("/late")));
  EXPECT_EQ(peer.story(), "R1 E1 R2 D2 E2");
  EXPECT_EQ(peer.body(2), "abc");
  peer.answer(2, "y");
  EXPECT_EQ(peer.receive(), "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\ny");
  EXPECT(peer.session->is_finished());
}

TEST(http1_session, the_rest_of_a_body_that_was_answered_early_is_thrown_away) {
  H1Peer peer;
  const std::string request = post(std::string(1000, 'b'));
  REQUIRE(peer.send(request.substr(0, 500)));
  peer.answer(1, "no", {}, "413");
  EXPECT(!peer.receive().contains("close"));
  EXPECT_EQ(peer.session->open_streams(), 0);
  REQUIRE(peer.send(request.substr(500) + get()));
  EXPECT_EQ(peer.story(), "R1 D1 R2 E2");
  EXPECT(peer.session->wants_input());
}

}  // namespace penstock::testing
