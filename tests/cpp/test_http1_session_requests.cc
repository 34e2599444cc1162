// SPDX-License-Identifier: Apache-2.0
// What a peer does, as http1::Session tells it: events.
#include <string>

#include "h1_peer.h"
#include "harness.h"

namespace penstock::testing {

TEST(http1_session, a_request_is_its_pseudo_fields_its_fields_its_body_and_its_end) {
  H1Peer peer;
  REQUIRE(
      peer.send("POST /v2/models/m/infer?x=1 HTTP/1.1\r\nHost: example:8000\r\nContent-Type: "
                "application/json\r\nX-One: 1\r\nX-One:  2\t\r\nContent-Length: 5\r\n\r\nhello"));
  EXPECT_EQ(peer.story(), "R1 D1 E1");
  EXPECT(peer.fields(1) == Fields({{":method", "POST"},
                                   {":scheme", "http"},
                                   {":path", "/v2/models/m/infer?x=1"},
                                   {":authority", "example:8000"},
                                   {"content-type", "application/json"},
                                   {"x-one", "1"},
                                   {"x-one", "2"},
                                   {"content-length", "5"}}));
  EXPECT_EQ(peer.body(1), "hello");
  EXPECT_EQ(peer.session->open_streams(), 1);
}

TEST(http1_session, a_request_without_a_body_ends_at_once) {
  H1Peer peer;
  REQUIRE(peer.send(get()));
  EXPECT_EQ(peer.story(), "R1 E1");
}

TEST(http1_session, an_answer_goes_out_and_the_next_request_comes_in) {
  H1Peer peer;
  for (int id = 1; id <= 3; ++id) {
    REQUIRE(peer.send(get()));
    peer.answer(id, "hello", {{"content-type", "text/plain"}});
    EXPECT_EQ(peer.receive(),
              "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello");
  }
  EXPECT_EQ(peer.story(), "R1 E1 R2 E2 R3 E3");
  EXPECT_EQ(peer.session->open_streams(), 0);
  EXPECT(!peer.session->is_finished());
}

TEST(http1_session, a_chunked_body_is_its_bytes) {
  H1Peer peer;
  REQUIRE(
      peer.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n"
                "A;name=\"va lue\";b\r\n, you all!\r\n0\r\nX-Sum: 1\r\n\r\n"));
  EXPECT_EQ(peer.story(), "R1 D1 E1");
  EXPECT_EQ(peer.body(1), "hello, you all!");
  EXPECT_EQ(peer.field(1, "transfer-encoding"), "(none)");
}

TEST(http1_session, a_request_cut_anywhere_is_the_same_request) {
  const std::string stream =
      "\r\nPOST /a?b HTTP/1.1\r\nHost: h\r\nX-Long: " + std::string(100, 'v') +
      "\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz"
      "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;e=\"1\"\r\nxyz\r\n10\r\n0123456789abcdef\r\n0\r\nX-Sum: 1\r\n\r\n" +
      get("/d");
  H1Peer whole;
  REQUIRE(whole.send(stream));
  EXPECT_EQ(whole.story(), "R1 D1 E1 R2 D2 E2 R3 E3");
  const auto expect_same = [&](const H1Peer& cut) {
    EXPECT_EQ(cut.story(), whole.story());
    for (const std::int32_t id : {1, 2, 3}) {
      EXPECT(cut.fields(id) == whole.fields(id));
      EXPECT_EQ(cut.body(id), whole.body(id));
    }
  };
  for (std::size_t at = 1; at < stream.size(); ++at) {
    H1Peer cut;
    REQUIRE(cut.send(stream.substr(0, at)) && cut.send(stream.substr(at)));
    expect_same(cut);
  }
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}}) {
    H1Peer cut;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      REQUIRE(cut.send(std::string_view(stream).substr(at, step)));
    }
    expect_same(cut);
  }
}

TEST(http1_session, sessions_of_one_workspace_do_not_hear_each_other) {
  const auto workspace = std::make_shared<http1::Workspace>();
  std::vector<std::unique_ptr<H1Peer>> peers;
  std::vector<std::string> streams;
  for (int i = 0; i < 4; ++i) {
    const std::string number = std::to_string(i);
    peers.push_back(std::make_unique<H1Peer>(http1::Limits(), workspace));
    streams.push_back(get("/" + number, "X-" + number + ": " + std::string(500, 'a') + "\r\n") +
                      post("body " + number));
  }
  for (std::size_t at = 0; at < streams[0].size(); at += 10) {
    for (std::size_t i = 0; i < peers.size(); ++i)
      REQUIRE(peers[i]->send(streams[i].substr(at, 10)));
  }
  for (std::size_t i = 0; i < peers.size(); ++i) {
    EXPECT_EQ(peers[i]->story(), "R1 E1 R2 D2 E2");
    EXPECT_EQ(peers[i]->field(1, ":path"), "/" + std::to_string(i));
    EXPECT_EQ(peers[i]->field(1, "x-" + std::to_string(i)), std::string(500, 'a'));
    EXPECT_EQ(peers[i]->body(2), "body " + std::to_string(i));
  }
}

TEST(http1_session, what_concerns_one_connection_only_is_left_out) {
  H1Peer peer;
  REQUIRE(peer.send(get("/",
                        "Connection: keep-alive, X-Mine ,te\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
                        "Upgrade: h2c\r\nProxy-Connection: keep-alive\r\nx-mine: 1\r\n"
                        "X-Yours: 2\r\n")));
  EXPECT(peer.fields(1) == Fields({{":method", "GET"},
                                   {":scheme", "http"},
                                   {":path", "/"},
                                   {":authority", "h"},
                                   {"x-yours", "2"}}));
}

TEST(http1_session, an_absolute_target_is_its_path_and_its_authority) {
  struct Case {
    const char* line;
    const char* path;
    const char* authority;
  };
  for (const Case& one :
       {Case{"GET http://a:1/b?c HTTP/1.1", "/b?c", "a:1"}, Case{"GET http://a HTTP/1.1", "/", "a"},
        Case{"GET http://a?c HTTP/1.1", "/?c", "a"}, Case{"OPTIONS http://a HTTP/1.1", "*", "a"},
        Case{"OPTIONS * HTTP/1.1", "*", "h"}, Case{"GET //a/b HTTP/1.1", "//a/b", "h"}}) {
    H1Peer peer;
    REQUIRE(peer.send(std::string(one.line) + "\r\nHost: h\r\n\r\n"));
    EXPECT_EQ(peer.field(1, ":path"), one.path);
    EXPECT_EQ(peer.field(1, ":authority"), one.authority);
  }
}

TEST(http1_session, a_request_of_http_1_0_without_a_host_has_no_authority) {
  H1Peer peer;
  REQUIRE(peer.send("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(peer.story(), "R1 E1 G");
  EXPECT_EQ(peer.field(1, ":authority"), "(none)");
}

TEST(http1_session, one_empty_line_before_a_request_is_no_request) {
  H1Peer peer;
  REQUIRE(peer.send("\r\n"));
  EXPECT_EQ(peer.session->header_block_since_ns(), base::kNever);
  REQUIRE(peer.send(get() + "\r\n" + get()));
  EXPECT_EQ(peer.story(), "R1 E1 R2 E2");
  H1Peer twice;
  REQUIRE(twice.send("\r\n\r\n" + get()));
  EXPECT_EQ(twice.story(), "C1");
}

TEST(http1_session, an_incomplete_head_has_an_age_and_a_complete_one_has_none) {
  H1Peer peer;
  EXPECT(!peer.session->is_greeted());
  peer.now = 100;
  REQUIRE(peer.send("GET / HT"));
  peer.now = 200;
  REQUIRE(peer.send("TP/1.1\r\nHos"));
  EXPECT_EQ(peer.session->header_block_since_ns(), 100);
  peer.now = 300;
  REQUIRE(peer.send("t: h\r\n\r\nGET "));
  EXPECT_EQ(peer.session->header_block_since_ns(), 300);
  EXPECT(peer.session->is_greeted());
  peer.now = 400;
  REQUIRE(peer.send("/ HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"));
  EXPECT_EQ(peer.session->header_block_since_ns(), base::kNever);
}

TEST(http1_session, the_body_is_a_view_of_the_input) {
  http1::Workspace workspace;
  const auto session = std::move(*http1::Session::open({}, workspace));
  const std::string input = post(std::string(5000, 'b'));
  const auto events = session->feed(std::as_bytes(std::span(input)), 0);
  REQUIRE(events.has_value() && events->size() == 3);
  const auto* const data = reinterpret_cast<const char*>((*events)[1].data.data());
  EXPECT(data == input.data() + input.size() - 5000);
}

}  // namespace penstock::testing
