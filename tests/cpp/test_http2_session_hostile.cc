// SPDX-License-Identifier: Apache-2.0
// What a session bounds by itself, and what it makes of requests that break the rules.
#include <string>

#include "h2_pair.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using Kind = http::Event::Kind;

std::string hello() { return std::string(kPreface) + frame(4, 0, 0, ""); }

std::string request(std::uint32_t stream, const Fields& more = {}) {
  Fields fields = grpc_request("/a/B");
  fields.insert(fields.end(), more.begin(), more.end());
  return frame(1, 5, stream, header_block(fields));
}

// What the session has to say, which says that it has ended with this code.
bool ends_with(H2Pair& pair, std::uint32_t code) {
  while (pair.to_client() > 0) {
  }
  return pair.client.goaways().size() == 1 && pair.client.goaways()[0].error_code == code;
}

}  // namespace

TEST(http2_session, answers_that_are_not_read_are_bounded_in_frames) {
  H2Pair pair({.concurrent_streams_max = 1, .outbound_frames_max = 100});
  REQUIRE(pair.to_session(hello() + request(1)));
  std::uint32_t stream = 3;
  for (int i = 0; i < 90; ++i, stream += 2) REQUIRE(pair.to_session(request(stream)));
  int more = 0;
  while (more < 100 && pair.to_session(request(stream))) {
    stream += 2;
    ++more;
  }
  EXPECT(more < 20);
  EXPECT(pair.error.code == base::Code::kResourceExhausted);
  EXPECT_CONTAINS(pair.error.why, "does not read");
  EXPECT(ends_with(pair, http2::kEnhanceYourCalm));
}

TEST(http2_session, a_header_list_is_read_no_further_than_its_bound) {
  const Fields large = {{"x", std::string(100, 'v')}};
  Fields many;
  for (int i = 0; i < 6; ++i) many.insert(many.end(), large.begin(), large.end());
  H2Pair pair({.header_list_bytes_max = 100, .header_list_bytes_read_max = 1000});
  REQUIRE(pair.to_session(hello() + request(1, large)));
  EXPECT_EQ(pair.count(Kind::kRequestTooLarge), 1);
  EXPECT(!pair.to_session(request(3, many)));
  EXPECT(pair.error.code == base::Code::kResourceExhausted);
  EXPECT(ends_with(pair, http2::kEnhanceYourCalm));
  // In trailers too, which nobody reads.
  H2Pair other({.header_list_bytes_max = 500, .header_list_bytes_read_max = 600});
  REQUIRE(other.to_session(hello() + frame(1, 4, 1, header_block(grpc_request("/a/B")))));
  EXPECT(!other.to_session(frame(1, 5, 1, header_block(many))));
}

TEST(http2_session, a_header_block_comes_in_no_more_frames_than_its_bound) {
  for (const std::size_t most : {1U, 8U}) {
    H2Pair pair({.continuations_max = most});
    std::string head = frame(1, 0, 1, header_block(grpc_request("/a/B")));
    for (std::size_t i = 1; i < most; ++i) head += frame(9, 0, 1, "");
    REQUIRE(pair.to_session(hello() + head + frame(9, 4, 1, "")));
    EXPECT_EQ(pair.count(Kind::kRequest), 1);
    head = frame(1, 0, 3, header_block(grpc_request("/a/B")));
    for (std::size_t i = 0; i < most; ++i) head += frame(9, 0, 3, "");
    EXPECT(!pair.to_session(head + frame(9, 4, 3, "")));
    EXPECT(pair.error.code == base::Code::kResourceExhausted);
    EXPECT(ends_with(pair, http2::kEnhanceYourCalm));
  }
}

TEST(http2_session, a_field_that_breaks_the_rules_spoils_its_request_alone) {
  for (const auto& field : {std::pair{"x", "a\nb"}, {"x y", "1"}, {"x", " 1"}, {"X", "1"}}) {
    H2Pair pair;
    REQUIRE(pair.to_session(hello() + request(1) + request(3, {field}) + request(5)));
    EXPECT_EQ(pair.count(Kind::kRequest), 2);
    http::Output output;
    REQUIRE(pair.session->take_output(output).has_value());
    EXPECT_CONTAINS(written(output), frame(3, 0, 3, std::string_view("\0\0\0\1", 4)));
    EXPECT_EQ(pair.session->open_streams(), 2);
  }
}

TEST(http2_session, without_trailers_the_last_of_the_data_ends_the_stream) {
  H2Pair pair;
  REQUIRE(pair.exchange());
  const std::int32_t id = pair.client.request(grpc_request("/a/B"), "");
  REQUIRE(pair.exchange());
  pair.send_head(id);
  pair.session->send_data(id, slice_of("body"));
  pair.session->send_trailers(id, {});
  REQUIRE(pair.exchange());
  EXPECT_EQ(pair.client.answer(id).body, "body");
  EXPECT_EQ(pair.session->open_streams(), 0);
}

TEST(http2_session, many_streams_cut_at_once_are_a_flood) {
  H2Pair pair({.cut_streams = {.burst = 50, .per_second = 10}});
  REQUIRE(pair.to_session(hello()));
  std::uint32_t stream = 1;
  const auto cut = [&] {
    const std::uint32_t id = std::exchange(stream, stream + 2);
    return pair.to_session(request(id) + frame(3, 0, id, std::string_view("\0\0\0\10", 4)));
  };
  for (int i = 0; i < 51; ++i) REQUIRE(cut());
  EXPECT(!cut());
  EXPECT(pair.error.code == base::Code::kResourceExhausted);
  EXPECT(ends_with(pair, http2::kEnhanceYourCalm));
}

}  // namespace penstock::testing
