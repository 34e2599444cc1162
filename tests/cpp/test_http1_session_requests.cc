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

}  // namespace penstock::testing
