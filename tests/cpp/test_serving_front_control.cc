// SPDX-License-Identifier: Apache-2.0
// Every native method but ModelInfer, and what is refused before a method is reached.
#include <string>

#include "harness.h"
#include "serving/front.h"
#include "serving_doubles.h"

namespace penstock::testing {
namespace {

using Link = FrontRig::Link;

constexpr std::string_view kService = "/inference.GRPCInferenceService/";

std::string path_of(std::string_view method) { return std::string(kService).append(method); }

// The whole of a call: status, and the message for those that are answered.
struct Called {
  Called(FrontRig& rig, std::string_view path, std::string_view message = {})
      : link(rig.connect()), id(link.call(path, message)) {
    rig.settle();
  }
  std::string status() const { return link.status(id); }
  std::string why() const { return link.message(id); }
  std::string reply() const { return link.reply(id); }

  Link& link;
  std::int32_t id;
};

const std::string kTrue = varint_field(1, 1);

}  // namespace

TEST(serving_front, a_live_server_says_so) {
  FrontRig rig;
  const Called live(rig, path_of("ServerLive"));
  EXPECT_EQ(live.status(), "0");
  EXPECT_EQ(live.reply(), kTrue);
  const auto& answer = live.link.answer(live.id);
  EXPECT(answer.headers == (Fields{{":status", "200"}, {"content-type", "application/grpc"}}));
  EXPECT(answer.is_ended && !answer.reset_code.has_value());
}

TEST(serving_front, readiness_is_that_of_the_server) {
  FrontRig rig;
  EXPECT_EQ(Called(rig, path_of("ServerReady")).reply(), "");
  EXPECT_EQ(Called(rig, "/grpc.health.v1.Health/Check").reply(), varint_field(1, 2));
  rig.readiness.set_ready(true);
  EXPECT_EQ(Called(rig, path_of("ServerReady")).reply(), kTrue);
  EXPECT_EQ(Called(rig, "/grpc.health.v1.Health/Check").reply(), kTrue);
  rig.readiness.begin_drain();
  EXPECT_EQ(Called(rig, path_of("ServerReady")).reply(), "");
  EXPECT_EQ(Called(rig, "/grpc.health.v1.Health/Check").reply(), varint_field(1, 2));
  EXPECT_EQ(Called(rig, path_of("ServerLive")).reply(), kTrue);
}

TEST(serving_front, health_of_what_this_server_does_not_have_is_not_found) {
  FrontRig rig;
  rig.readiness.set_ready(true);
  const Called own(rig, "/grpc.health.v1.Health/Check",
                   sized_field(1, "inference.GRPCInferenceService"));
  EXPECT_EQ(own.reply(), kTrue);
  const Called other(rig, "/grpc.health.v1.Health/Check", sized_field(1, "other"));
  EXPECT_EQ(other.status(), "5");
  EXPECT_CONTAINS(other.why(), "no health is known of \"other\"");
}

TEST(serving_front, a_server_describes_itself) {
  FrontRig rig;
  const Called called(rig, path_of("ServerMetadata"));
  EXPECT_EQ(called.reply(), sized_field(1, "penstock") + sized_field(2, "1.2.3") +
                                sized_field(3, "a") + sized_field(3, "b"));
}

TEST(serving_front, a_model_describes_itself) {
  FrontRig rig;
  rig.serve({.name = "m", .number = 3, .platform = "test_platform"}, x_to_y());
  rig.serve({.name = "m", .number = 5, .platform = "test_platform"}, x_to_y());
  rig.put("m", {.number = 7, .version = nullptr, .failure = "no such file"});
  const Called called(rig, path_of("ModelMetadata"), sized_field(1, "m"));
  EXPECT_EQ(called.status(), "0");
  EXPECT(proto_values(called.reply(), 1) == std::vector<std::string>({"m"}));
  EXPECT(proto_values(called.reply(), 2) == std::vector<std::string>({"3", "5"}));
  EXPECT(proto_values(called.reply(), 3) == std::vector<std::string>({"test_platform"}));
  EXPECT_EQ(proto_values(called.reply(), 4).size(), 1);
  EXPECT(proto_values(proto_values(called.reply(), 5).at(0), 1) == std::vector<std::string>({"y"}));
  const Called unknown(rig, path_of("ModelMetadata"), sized_field(1, "n"));
  EXPECT_EQ(unknown.status(), "5");
  EXPECT_CONTAINS(unknown.why(), "Request for unknown model: 'n' is not found");
  const Called failed(rig, path_of("ModelMetadata"), sized_field(1, "m") + sized_field(2, "7"));
  EXPECT_EQ(failed.status(), "14");
  EXPECT_CONTAINS(failed.why(), "no such file");
}

TEST(serving_front, a_model_is_ready_or_the_trailers_say_why_not) {
  FrontRig rig;
  rig.serve({.name = "m"}, x_to_y());
  rig.put("bad", {.number = 2, .version = nullptr, .failure = "no such file"});
  EXPECT_EQ(Called(rig, path_of("ModelReady"), sized_field(1, "m")).reply(), kTrue);
  const Called failed(rig, path_of("ModelReady"), sized_field(1, "bad"));
  EXPECT_EQ(failed.status(), "0");
  EXPECT_EQ(failed.reply(), "");
  EXPECT_CONTAINS(failed.link.answer(failed.id).field("penstock-reason"), "no such file");
  const Called unknown(rig, path_of("ModelReady"), sized_field(1, "n"));
  EXPECT_EQ(unknown.status(), "0");
  EXPECT_EQ(unknown.reply(), "");
  EXPECT_CONTAINS(unknown.link.answer(unknown.id).field("penstock-reason"), "'n' is not found");
  const Called wrong(rig, path_of("ModelReady"), sized_field(1, "m") + sized_field(2, "x"));
  EXPECT_EQ(wrong.status(), "3");
}

TEST(serving_front, a_reason_of_any_length_is_told_in_trailers_that_clients_take) {
  FrontRig rig;
  rig.put("bad", {.number = 2, .version = nullptr, .failure = std::string(100'000, 'r')});
  const Called called(rig, path_of("ModelReady"), sized_field(1, "bad"));
  EXPECT_EQ(called.status(), "0");
  const std::string reason = called.link.answer(called.id).field("penstock-reason");
  EXPECT_CONTAINS(reason, "rrrr");
  EXPECT_LE(reason.size(), 8000);
}

TEST(serving_front, a_broken_message_of_a_control_method_is_an_invalid_argument) {
  FrontRig rig;
  for (const std::string_view method : {"ModelReady", "ModelMetadata"}) {
    EXPECT_EQ(Called(rig, path_of(method), "\x0a\x7f").status(), "3");
  }
  EXPECT_EQ(Called(rig, "/grpc.health.v1.Health/Check", "\x0a\x7f").status(), "3");
}

TEST(serving_front, unknown_methods_are_unimplemented) {
  FrontRig rig;
  for (const std::string_view path :
       {"/inference.GRPCInferenceService/Nothing", "/other.Service/Call", "/", "/nonsense"}) {
    const Called called(rig, path);
    EXPECT_EQ(called.status(), "12");
    EXPECT_NE(called.why(), "");
  }
}

TEST(serving_front, what_is_no_grpc_call_gets_an_http_status) {
  FrontRig rig;
  Link& link = rig.connect();
  Fields get = grpc_request(path_of("ServerLive"));
  get[0].second = "GET";
  Fields json = grpc_request(path_of("ServerLive"));
  json[4].second = "application/json";
  const std::int32_t first = link.client.request(get, "");
  const std::int32_t second = link.client.request(json, "{}");
  rig.settle();
  EXPECT_EQ(link.answer(first).field(":status"), "405");
  EXPECT_EQ(link.answer(first).field("allow"), "POST");
  EXPECT_EQ(link.answer(second).field(":status"), "415");
  EXPECT(link.answer(second).is_closed());
}

TEST(serving_front, heads_that_say_nonsense_are_refused_with_the_right_status) {
  FrontRig rig;
  Link& link = rig.connect();
  const std::int32_t timeout = link.client.request(
      grpc_request(path_of("ServerLive"), {{"grpc-timeout", "soon"}}), grpc_framed(""));
  const std::int32_t encoding = link.client.request(
      grpc_request(path_of("ServerLive"), {{"grpc-encoding", "snappy"}}), grpc_framed(""));
  const std::int32_t large = link.client.request(
      grpc_request(path_of("ServerLive"), Fields(500, {"x-many", "fields"})), grpc_framed(""));
  rig.settle();
  EXPECT_EQ(link.status(timeout), "3");
  EXPECT_EQ(link.status(encoding), "12");
  EXPECT_CONTAINS(link.answer(encoding).field("grpc-accept-encoding"), "gzip");
  EXPECT_EQ(link.status(large), "8");
  EXPECT_EQ(link.message(large), "the request's headers are too large");
}

TEST(serving_front, a_call_without_a_message_or_with_two_is_refused) {
  FrontRig rig;
  Link& link = rig.connect();
  const Fields head = grpc_request(path_of("ServerLive"));
  const std::int32_t none = link.client.request(head, "");
  const std::int32_t two = link.client.request(head, grpc_framed("") + grpc_framed(""));
  const std::int32_t half = link.client.request(head, grpc_framed("").substr(0, 3));
  const std::int32_t flag = link.client.request(head, std::string("\x02\0\0\0\0", 5));
  const std::int32_t compressed = link.client.request(head, grpc_framed("x", true));
  rig.settle();
  for (const std::int32_t id : {none, two, half, flag, compressed}) {
    EXPECT_EQ(link.status(id), "13");
    EXPECT(link.answer(id).is_closed());
    EXPECT_NE(link.message(id), "");
  }
  EXPECT_EQ(rig.counts().streams_open(), 0);
}

TEST(serving_front, a_call_is_answered_only_when_it_has_ended) {
  FrontRig rig;
  Link& link = rig.connect();
  const std::int32_t id =
      link.client.request(grpc_request(path_of("ServerLive")), grpc_framed(""), false);
  rig.settle();
  EXPECT(link.answer(id).headers.empty());
  EXPECT_EQ(rig.counts().streams_open(), 1);
  link.client.send(id, "", true);
  rig.settle();
  EXPECT_EQ(link.reply(id), kTrue);
}

TEST(serving_front, every_answer_is_counted_by_its_status) {
  FrontRig rig;
  rig.serve({.name = "m"}, x_to_y());
  Called(rig, path_of("ServerLive"));
  Called(rig, path_of("ModelReady"), sized_field(1, "n"));
  Called(rig, path_of("ModelMetadata"), sized_field(1, "n"));
  Called(rig, "/other.Service/Call");
  const telemetry::ServerCounts counts = rig.counts();
  EXPECT_EQ(counts.answers[0], 2);
  EXPECT_EQ(counts.answers[5], 1);
  EXPECT_EQ(counts.answers[12], 1);
  EXPECT_EQ(counts.streams_opened, 4);
  EXPECT_EQ(counts.streams_closed, 4);
}

}  // namespace penstock::testing
