// SPDX-License-Identifier: Apache-2.0
// Each bound of http1::Limits, crossed.
#include <string>

#include "h1_peer.h"
#include "harness.h"

namespace penstock::testing {
namespace {

constexpr std::string_view kChunked =
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

// The status of the answer that the session itself gives; empty: it gives none.
std::string refusal(const http1::Limits& limits, const std::string& bytes) {
  H1Peer whole(limits);
  EXPECT(whole.send(bytes));
  const std::string text = whole.receive();
  H1Peer cut(limits);
  for (const char& byte : bytes) EXPECT(cut.send({&byte, 1}));
  EXPECT_EQ(cut.receive(), text);
  return text.empty() ? "" : text.substr(9, 3);
}

}  // namespace

TEST(http1_limits, a_head_is_bounded) {
  const http1::Limits limits = {.head_bytes_max = 100};
  const std::string frame = get("/", "X: \r\n");
  EXPECT_EQ(refusal(limits, get("/", "X: " + std::string(100 - frame.size(), 'x') + "\r\n")), "");
  EXPECT_EQ(refusal(limits, get("/", "X: " + std::string(101 - frame.size(), 'x') + "\r\n")),
            "431");
  // Told although its end never comes.
  EXPECT_EQ(refusal(limits, "GET / HTTP/1.1\r\nX: " + std::string(100, 'x')), "431");
}

TEST(http1_limits, a_target_is_bounded_and_told_although_its_end_never_comes) {
  const http1::Limits limits = {.target_bytes_max = 20};
  EXPECT_EQ(refusal(limits, get("/" + std::string(19, 'x'))), "");
  EXPECT_EQ(refusal(limits, get("/" + std::string(20, 'x'))), "414");
  EXPECT_EQ(refusal(limits, "GET /" + std::string(1000, 'x')), "414");
}

TEST(http1_limits, the_number_of_fields_is_bounded) {
  const http1::Limits limits = {.fields_max = 2};
  EXPECT_EQ(refusal(limits, get("/", "A: 1\r\n")), "");
  EXPECT_EQ(refusal(limits, get("/", "A: 1\r\nB: 1\r\n")), "431");
}

TEST(http1_limits, trailers_are_bounded_in_bytes_and_in_number) {
  const http1::Limits limits = {.trailer_bytes_max = 20, .trailers_max = 2};
  const std::string begin = std::string(kChunked) + "0\r\n";
  EXPECT_EQ(refusal(limits, begin + "A: 1\r\nB: 1\r\n\r\n"), "");
  EXPECT_EQ(refusal(limits, begin + "A: 1\r\nB: 1\r\nC: 1\r\n\r\n"), "431");
  EXPECT_EQ(refusal(limits, begin + "A: " + std::string(13, 'a') + "\r\n\r\n"), "");
  EXPECT_EQ(refusal(limits, begin + "A: " + std::string(14, 'a') + "\r\n\r\n"), "431");
}

TEST(http1_limits, the_extensions_of_a_chunk_and_of_all_chunks_are_bounded) {
  const http1::Limits limits = {.chunk_extension_bytes_max = 4, .chunk_extensions_bytes_max = 8};
  const std::string begin(kChunked);
  EXPECT_EQ(refusal(limits, begin + "1;abc\r\nx\r\n1;abc\r\nx\r\n0\r\n\r\n"), "");
  EXPECT_EQ(refusal(limits, begin + "1;abcd\r\nx\r\n"), "400");
  EXPECT_EQ(refusal(limits, begin + "1;abc\r\nx\r\n1;abc\r\nx\r\n0;a\r\n\r\n"), "400");
  EXPECT_EQ(refusal(limits, begin + "1;" + std::string(1000, 'x')), "400");
  EXPECT_EQ(refusal(limits, begin + std::string(1000, '0')), "400");
}

TEST(http1_limits, requests_are_read_ahead_of_their_answers_up_to_a_bound) {
  H1Peer peer({.open_requests_max = 2});
  REQUIRE(peer.send(get("/1") + get("/2") + get("/3") + post("four")));
  EXPECT_EQ(peer.story(), "R1 E1 R2 E2");
  EXPECT(!peer.session->wants_input());
  peer.answer(2, "x");
  peer.receive();
  EXPECT_EQ(peer.story(), "R1 E1 R2 E2");
  peer.answer(1, "x");
  peer.receive();
  EXPECT_EQ(peer.story(), "R1 E1 R2 E2 R3 E3 R4 D4 E4");
  EXPECT_EQ(peer.field(3, ":path"), "/3");
  EXPECT_EQ(peer.body(4), "four");
  EXPECT(peer.session->wants_input());
}

TEST(http1_limits, a_body_is_read_although_as_many_requests_as_may_be_are_open) {
  H1Peer peer({.open_requests_max = 1});
  REQUIRE(peer.send(post("hello").substr(0, 50)));
  REQUIRE(peer.send(post("hello").substr(50) + "GET /half"));
  EXPECT_EQ(peer.story(), "R1 D1 E1");
  EXPECT_EQ(peer.session->header_block_since_ns(), base::kNever);
  peer.answer(1, "x");
  peer.receive();
  EXPECT_EQ(peer.session->header_block_since_ns(), peer.now);
  REQUIRE(peer.send(" HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(peer.field(2, ":path"), "/half");
}

TEST(http1_limits, an_owner_that_reads_on_regardless_is_stopped) {
  H1Peer peer({.open_requests_max = 1, .buffered_bytes_max = 100});
  REQUIRE(peer.send(get() + "GET /half"));
  REQUIRE(!peer.session->wants_input());
  EXPECT(peer.send(std::string(91, 'x')));
  EXPECT(!peer.send("x"));
}

TEST(http1_limits, a_body_that_nobody_takes_is_not_read_on) {
  H1Peer peer({.stream_window_bytes = 100, .connection_window_bytes = 150});
  const std::string request = post(std::string(500, 'b'));
  const std::size_t head = request.size() - 500;
  REQUIRE(peer.send(request.substr(0, head + 99)));
  EXPECT(peer.session->wants_input());
  REQUIRE(peer.send(request.substr(head + 99, 1)));
  EXPECT(!peer.session->wants_input());
  peer.session->reopen_stream(1, 100);
  EXPECT(peer.session->wants_input());
  REQUIRE(peer.send(request.substr(head + 100, 50)));
  EXPECT(!peer.session->wants_input());
  peer.session->reopen_connection(1);
  EXPECT(peer.session->wants_input());
  peer.session->reopen_connection(10'000);
  REQUIRE(peer.send(request.substr(head + 150)));
  EXPECT(!peer.session->wants_input());
}

TEST(http1_limits, what_is_thrown_away_of_a_body_is_bounded) {
  const http1::Limits limits = {.discarded_bytes_max = 100};
  for (const std::size_t rest : {std::size_t{100}, std::size_t{101}}) {
    H1Peer peer(limits);
    const std::string request = post(std::string(50 + rest, 'b'));
    REQUIRE(peer.send(request.substr(0, request.size() - rest)));
    peer.answer(1, "no", {}, "413");
    const std::string text = peer.receive();
    EXPECT_EQ(text.contains("connection: close"), rest > 100);
    EXPECT_EQ(peer.session->is_finished(), rest > 100);
  }
  // Of a chunked one nobody knows how much is to come.
  H1Peer peer(limits);
  REQUIRE(peer.send(std::string(kChunked) + "1000\r\nb"));
  peer.answer(1, "no", {}, "413");
  EXPECT(!peer.receive().contains("close"));
  REQUIRE(peer.send(std::string(100, 'b')));
  EXPECT(!peer.session->is_finished());
  REQUIRE(peer.send("b"));
  EXPECT(peer.session->is_finished());
}

TEST(http1_limits, output_is_framed_up_to_a_bound_and_then_waits) {
  H1Peer peer({.output_bytes_max = 1000});
  REQUIRE(peer.send(get()));
  peer.begin(1, {}, false);
  peer.give(1, std::string(2500, 'x'));
  peer.session->send_trailers(1, {});
  http::Output output;
  std::string text;
  int takes = 0;
  while (peer.session->wants_write()) {
    REQUIRE(peer.session->take_output(output).has_value());
    EXPECT_LE(output.size(), 1000 + 32);
    text += H1Peer::flat(output);
    ++takes;
  }
  EXPECT_EQ(takes, 3);
  EXPECT_EQ(std::ranges::count(text, 'x'), 2500);
  EXPECT(text.ends_with("\r\n0\r\n\r\n"));
}

}  // namespace penstock::testing
