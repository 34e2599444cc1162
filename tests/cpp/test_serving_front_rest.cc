// SPDX-License-Identifier: Apache-2.0
// REST through the front, over HTTP/1.1 and HTTP/2.
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "serving/front.h"
#include "serving_doubles.h"

namespace penstock::testing {
namespace {

using serving::HostedCommand;
using serving::HostedEvent;
using serving::Lane;
using serving::Protocol;
using Link = FrontRig::Link;

constexpr std::string_view kOneRow =
    R"({"id":"7","inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]})";

Fields rest_request(std::string_view method, std::string_view path, const Fields& more = {}) {
  Fields fields = {{":method", std::string(method)},
                   {":scheme", "http"},
                   {":path", std::string(path)},
                   {":authority", "h"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

std::string http1_request(std::string_view method, std::string_view path,
                          std::string_view body = {}, std::string_view more = {}) {
  return std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\n" + std::string(more) + "\r\n" +
         std::string(body);
}

Link& connect_http2(FrontRig& rig, const http2::Limits& limits = {}) {
  return rig.connect({}, limits, Protocol::kRest);
}

// What is told of hosted calls.
std::vector<HostedEvent> told(FrontRig& rig) {
  std::vector<HostedEvent> events;
  rig.bridge->take(events);
  return events;
}

void command(FrontRig& rig, HostedCommand wanted) {
  PENSTOCK_CHECK(rig.bridge->send(std::span(&wanted, 1)) == 1);
}

void give_answer(FrontRig& rig, serving::HostedCallId call, std::string_view status,
                 std::string_view body, std::pair<std::string, std::string> field = {"x-a", "b"}) {
  command(rig, {.kind = HostedCommand::Kind::kHeaders,
                .call = call,
                .metadata = {{":status", std::string(status)}, std::move(field)}});
  const base::Buffer block = base::Buffer::allocate(grpc::kFramePrefixBytes + body.size());
  std::ranges::copy(bytes_of_text(body), block.data() + grpc::kFramePrefixBytes);
  command(rig,
          {.kind = HostedCommand::Kind::kMessage, .call = call, .message = {block, block.bytes()}});
  command(rig, {.kind = HostedCommand::Kind::kFinish, .call = call});
}

}  // namespace

TEST(serving_front_rest, an_inference_is_answered_over_both_versions_of_http) {
  FrontRig rig;
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  Link& one = rig.connect_http1();
  one.said = http1_request("POST", "/v2/models/m/infer", kOneRow);
  Link& two = connect_http2(rig);
  const auto id = two.client.request(rest_request("POST", "/v2/models/m/infer"), kOneRow);
  rig.settle();
  const std::string& body = two.answer(id).body;
  EXPECT_EQ(two.answer(id).field(":status"), "200");
  EXPECT(body.find(R"("data":[1)") != std::string::npos);
  EXPECT(one.heard.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT(one.heard.ends_with("\r\n\r\n" + body));
}

TEST(serving_front_rest, a_small_answer_has_its_own_size_after_an_answer_over_grpc) {
  FrontRig rig;
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  Link& grpc = rig.connect();
  Link& rest = rig.connect_http1();
  for (int i = 0; i < 3; ++i) {
    const auto id = grpc.infer(infer_x("m", {1, 2}));
    rig.settle();
    REQUIRE(grpc.status(id) == "0");
    rest.heard.clear();
    rest.said = http1_request("GET", "/v2/health/live");
    rig.settle();
    EXPECT(rest.heard.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT(rest.heard.find("content-length: 13\r\n") != std::string::npos);
    EXPECT(rest.heard.ends_with("\r\n\r\n{\"live\":true}"));
  }
}

TEST(serving_front_rest, the_answer_to_a_head_request_has_no_body) {
  FrontRig rig;
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  Link& link = connect_http2(rig);
  Link& one = rig.connect_http1();
  for (const std::string_view path : {"/v2", "/v2/models/m", "/v2/models/none"}) {
    const auto get = link.client.request(rest_request("GET", path), "");
    const auto head = link.client.request(rest_request("HEAD", path), "");
    rig.settle();
    REQUIRE(link.answer(head).is_closed());
    EXPECT_EQ(link.answer(head).field(":status"), link.answer(get).field(":status"));
    EXPECT_EQ(link.answer(head).field("content-length"), link.answer(get).field("content-length"));
    EXPECT_EQ(link.answer(head).data_frames, 0);
    EXPECT_EQ(link.answer(head).close_code.value_or(99), 0);
    one.heard.clear();
    one.said = http1_request("HEAD", path);
    rig.settle();
    EXPECT(one.heard.ends_with("\r\n\r\n"));
  }
}

TEST(serving_front_rest, a_hosted_call_may_have_any_status) {
  FrontRig rig;
  Link& two = connect_http2(rig);
  Link& one = rig.connect_http1();
  for (const std::string_view status : {"200", "201", "204", "302", "412", "418", "502", "599"}) {
    const auto id = two.client.request(rest_request("GET", "/v2/trace/setting"), "");
    rig.settle();
    const auto first = told(rig);
    REQUIRE(first.size() >= 3);
    give_answer(rig, first[0].call, status, status == "204" ? "" : "{}");
    rig.settle();
    EXPECT_EQ(two.answer(id).field(":status"), status);
    EXPECT_EQ(two.answer(id).field("x-a"), "b");
    told(rig);
    one.heard.clear();
    one.said = http1_request("GET", "/v2/trace/setting");
    rig.settle();
    const auto second = told(rig);
    REQUIRE(second.size() >= 3);
    give_answer(rig, second[0].call, status, status == "204" ? "" : "{}");
    rig.settle();
    EXPECT(one.heard.starts_with("HTTP/1.1 " + std::string(status) + " "));
    told(rig);
  }
}

TEST(serving_front_rest, a_status_that_is_none_is_the_servers_mistake) {
  FrontRig rig;
  Link& link = connect_http2(rig);
  for (const std::string_view status : {"99", "1000", "-5", "", "two hundred", "200x"}) {
    const auto id = link.client.request(rest_request("GET", "/v2/trace/setting"), "");
    rig.settle();
    const auto events = told(rig);
    REQUIRE(events.size() >= 3);
    give_answer(rig, events[0].call, status, "{}");
    rig.settle();
    EXPECT_EQ(link.answer(id).field(":status"), "500");
    told(rig);
  }
}

TEST(serving_front_rest, a_header_that_http_cannot_carry_is_the_servers_mistake) {
  FrontRig rig;
  Link& link = connect_http2(rig);
  const Fields wrong = {{"x-a", "two\r\nlines"}, {"X-A", "b"},    {"", "b"},
                        {"x-a", " b"},           {"x-a", "\x7f"}, {"x a", "b"}};
  for (const auto& [name, value] : wrong) {
    const auto id = link.client.request(rest_request("GET", "/v2/trace/setting"), "");
    rig.settle();
    const auto events = told(rig);
    REQUIRE(events.size() >= 3);
    give_answer(rig, events[0].call, "200", "{}", {name, value});
    rig.settle();
    EXPECT_EQ(link.answer(id).field(":status"), "500");
    told(rig);
  }
  EXPECT_EQ(link.client.forbidden_frames(), 0);
}

TEST(serving_front_rest, an_answer_for_a_peer_that_went_away_is_nobodys) {
  FrontRig rig;
  Link& link = rig.connect_http1();
  link.said = http1_request("POST", "/v2/repository/index", "{}");
  rig.settle();
  const auto begun = told(rig);
  REQUIRE(begun.size() == 3);
  rig.disconnect(link);
  give_answer(rig, begun[0].call, "200", "{}");
  rig.settle();
  const auto ended = told(rig);
  REQUIRE(ended.size() == 1);
  EXPECT(ended[0].kind == HostedEvent::Kind::kEnd);
  EXPECT_EQ(rig.counts().streams_opened, rig.counts().streams_closed);
}

TEST(serving_front_rest, a_refusal_before_the_end_of_a_body_costs_the_connection_nothing) {
  FrontRig rig({.rest_body_bytes_max = 1000});
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  Link& link =
      connect_http2(rig, {.stream_window_bytes = 64 << 10, .connection_window_bytes = 128 << 10});
  for (int i = 0; i < 8; ++i) {
    const auto large = link.client.request(rest_request("POST", "/v2/models/m/infer"),
                                           std::string(100 << 10, 'x'), false);
    rig.settle();
    EXPECT_EQ(link.answer(large).field(":status"), "413");
    REQUIRE(link.answer(large).is_closed());
    const auto good = link.client.request(rest_request("POST", "/v2/models/m/infer"), kOneRow);
    rig.settle();
    REQUIRE(link.answer(good).field(":status") == "200");
  }
  EXPECT_EQ(rig.counts().streams_opened, rig.counts().streams_closed);
}

TEST(serving_front_rest, a_call_remembers_nothing_of_the_one_before) {
  FrontRig rig;
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  Link& link = rig.connect_http1();
  const std::string binary = R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],)"
                             R"("parameters":{"binary_data_size":8}}]})";
  const auto ask = [&](const std::string& request) {
    link.heard.clear();
    link.said = request;
    rig.settle();
    return link.heard;
  };
  const std::string plain = ask(http1_request("POST", "/v2/models/m/infer", kOneRow));
  for (int i = 0; i < 2; ++i) {
    const std::string mixed =
        ask(http1_request("POST", "/v2/models/m/infer", binary + bytes_of_values({1.0F, 2.0F}),
                          "Inference-Header-Content-Length: " + std::to_string(binary.size()) +
                              "\r\nAccept-Encoding: gzip\r\n"));
    EXPECT(mixed.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_EQ(ask(http1_request("POST", "/v2/models/m/infer", kOneRow)), plain);
    const std::string rows =
        ask(http1_request("POST", "/v1/models/m:predict", R"({"inputs":{"x":[[1,2]]}})"));
    EXPECT(rows.find("outputs") != std::string::npos);
    const std::string instances =
        ask(http1_request("POST", "/v1/models/m:predict", R"({"instances":[[1,2]]})"));
    EXPECT(instances.find("predictions") != std::string::npos);
    const std::string none = ask(http1_request("POST", "/v2/models/none/infer", kOneRow));
    EXPECT(none.find("none") != std::string::npos);
    EXPECT_EQ(ask(http1_request("POST", "/v2/models/m/infer", kOneRow)), plain);
  }
}

// RFC 9113 section 8.5: CONNECT has neither scheme nor path.
TEST(serving_front_rest, a_request_without_a_path_is_refused) {
  FrontRig rig;
  Link& link = connect_http2(rig);
  const auto id = link.client.request({{":method", "CONNECT"}, {":authority", "h:1"}}, "", false);
  rig.settle();
  EXPECT_EQ(link.answer(id).field(":status"), "400");
  EXPECT(told(rig).empty());
}

TEST(serving_front_rest, an_unknown_coding_is_told_the_known_ones) {
  FrontRig rig;
  Link& link = rig.connect_http1();
  link.said = http1_request("POST", "/v2/models/m/infer", "{}", "Content-Encoding: br\r\n");
  rig.settle();
  EXPECT(link.heard.starts_with("HTTP/1.1 415 "));
  EXPECT(link.heard.find("accept-encoding: gzip, deflate\r\n") != std::string::npos);
}

TEST(serving_front_rest, a_header_length_past_the_body_is_told_both_numbers) {
  FrontRig rig;
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  Link& link = rig.connect_http1();
  link.said =
      http1_request("POST", "/v2/models/m/infer", "{}", "Inference-Header-Content-Length: 3\r\n");
  rig.settle();
  EXPECT(link.heard.starts_with("HTTP/1.1 400 "));
  EXPECT(link.heard.find("inference header size should be in range (0, 2), got: 3") !=
         std::string::npos);
}

}  // namespace penstock::testing
