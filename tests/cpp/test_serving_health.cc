// SPDX-License-Identifier: Apache-2.0
// grpc.health.v1: what is known of whom, and who is told when it changes.
#include <string>
#include <vector>

#include "harness.h"
#include "serving/health.h"
#include "serving_doubles.h"

namespace penstock::testing {
namespace {

using wire::ServingStatus;

constexpr std::string_view kWatch = "/grpc.health.v1.Health/Watch";

std::string status_message(ServingStatus status) {
  return grpc_framed(wire::encode_health_answer(status));
}

// The statuses that a watch has told.
std::vector<ServingStatus> told(const FrontRig::Link& link, std::int32_t id) {
  std::vector<ServingStatus> statuses;
  std::string_view body = link.answer(id).body;
  while (!body.empty()) {
    const std::size_t size = 5 + static_cast<std::size_t>(body[4]);
    const auto fields = proto_values(body.substr(5, size - 5), 1);
    statuses.push_back(fields.empty() ? ServingStatus::kUnknown
                                      : static_cast<ServingStatus>(std::stoi(fields[0])));
    body.remove_prefix(size);
  }
  return statuses;
}

}  // namespace

TEST(serving_health, each_kind_of_name_has_its_own_answer) {
  FrontRig rig;
  rig.serve({.name = "good", .number = 2}, x_to_y());
  rig.put("bad", {.number = 1, .version = nullptr, .failure = "broken"});
  const serving::HostedMethods hosted({"/my.Service/Do"}, false);
  serving::HealthView view{.versions = &rig.versions.look(0), .hosted = &hosted, .is_ready = true};
  struct Case {
    std::string_view name;
    ServingStatus ready, loading, draining;
  };
  constexpr auto kYes = ServingStatus::kServing;
  constexpr auto kNo = ServingStatus::kNotServing;
  constexpr auto kWho = ServingStatus::kServiceUnknown;
  for (const Case& one : {Case{"", kYes, kNo, kNo},
                          {"inference.GRPCInferenceService", kYes, kNo, kNo},
                          {"my.Service", kYes, kNo, kNo},
                          {"good", kYes, kYes, kNo},
                          {"good/2", kYes, kYes, kNo},
                          {"bad", kNo, kNo, kNo},
                          {"bad/1", kNo, kNo, kNo},
                          {"good/1", kWho, kWho, kWho},
                          {"good/x", kWho, kWho, kWho},
                          {"my.Other", kWho, kWho, kWho}}) {
    view.is_ready = true;
    view.is_draining = false;
    EXPECT_EQ(static_cast<int>(health_of(one.name, view)), static_cast<int>(one.ready));
    view.is_ready = false;
    EXPECT_EQ(static_cast<int>(health_of(one.name, view)), static_cast<int>(one.loading));
    view.is_ready = view.is_draining = true;
    EXPECT_EQ(static_cast<int>(health_of(one.name, view)), static_cast<int>(one.draining));
  }
}

TEST(serving_health, the_list_has_every_service_and_model) {
  FrontRig rig;
  rig.serve({.name = "m"}, x_to_y());
  rig.bridge->host({{"/my.Service/Do"}, false});
  rig.readiness.set_ready(true);
  FrontRig::Link& link = rig.connect();
  const std::int32_t id = link.call("/grpc.health.v1.Health/List");
  rig.settle();
  std::vector<std::string> names;
  for (const std::string& entry : proto_values(link.reply(id), 1)) {
    const auto name = proto_values(entry, 1);
    names.push_back(name.empty() ? "" : name[0]);
    EXPECT_EQ(proto_values(proto_values(entry, 2).at(0), 1).at(0), "1");
  }
  EXPECT(names ==
         std::vector<std::string>({"", "inference.GRPCInferenceService", "my.Service", "m"}));
}

TEST(serving_health, a_watch_tells_the_present_state_and_each_change) {
  FrontRig rig;
  FrontRig::Link& link = rig.connect();
  const std::int32_t id = link.call(kWatch);
  rig.settle();
  EXPECT_EQ(link.answer(id).body, status_message(ServingStatus::kNotServing));
  rig.readiness.set_ready(true);
  rig.settle();
  rig.settle();
  rig.readiness.begin_drain();
  rig.settle();
  EXPECT(told(link, id) == std::vector({ServingStatus::kNotServing, ServingStatus::kServing,
                                        ServingStatus::kNotServing}));
  EXPECT(!link.answer(id).is_ended);
}

TEST(serving_health, a_watch_follows_a_model_from_before_it_is_there) {
  FrontRig rig;
  FrontRig::Link& link = rig.connect();
  const std::int32_t id = link.call(kWatch, sized_field(1, "m"));
  rig.settle();
  rig.put("m", {.number = 1, .version = nullptr, .failure = "it is being loaded"});
  rig.settle();
  rig.serve({.name = "m", .number = 1}, x_to_y());
  rig.settle();
  rig.put("other", {.number = 1, .version = nullptr, .failure = "broken"});
  rig.settle();
  EXPECT(told(link, id) == std::vector({ServingStatus::kServiceUnknown, ServingStatus::kNotServing,
                                        ServingStatus::kServing}));
}

TEST(serving_health, a_watch_ends_with_its_caller_or_its_deadline) {
  FrontRig rig;
  FrontRig::Link& gone = rig.connect();
  FrontRig::Link& link = rig.connect();
  const std::int32_t reset = link.call(kWatch);
  const std::int32_t late =
      link.client.request(grpc_request(kWatch, {{"grpc-timeout", "1S"}}), grpc_framed(""));
  gone.call(kWatch);
  rig.settle();
  link.client.reset(reset);
  rig.disconnect(gone);
  rig.skew_ns += 2 * base::kSecond;
  rig.settle();
  EXPECT_EQ(link.status(late), "4");
  EXPECT_EQ(rig.counts().streams_open(), 0);
  rig.readiness.set_ready(true);  // nobody is left to be told
  rig.settle();
}

TEST(serving_health, watches_do_not_hold_up_a_drain) {
  FrontRig rig;
  FrontRig::Link& link = rig.connect();
  const std::int32_t before = link.call(kWatch);
  rig.settle();
  rig.front.end_connections(rig.now());
  const std::int32_t after = link.call(kWatch);
  rig.settle();
  for (const std::int32_t id : {before, after}) {
    EXPECT_EQ(link.status(id), "14");
    EXPECT(link.answer(id).is_ended);
  }
}

TEST(serving_health, the_names_that_watches_remember_count_against_the_bound_of_all) {
  FrontRig rig({.inflight_bytes_max = 100'000});
  FrontRig::Link& link = rig.connect();
  std::vector<std::int32_t> watches;
  for (int i = 0; i < 4; ++i) {
    watches.push_back(link.call(kWatch, sized_field(1, std::string(20'000, 'x'))));
    rig.settle();
  }
  EXPECT_EQ(link.status(watches[0]), "");
  EXPECT_EQ(link.status(watches[1]), "");
  EXPECT_EQ(link.status(watches[3]), "8");
  link.client.reset(watches[0]);
  const std::int32_t again = link.call(kWatch, sized_field(1, std::string(20'000, 'x')));
  rig.settle();
  EXPECT_EQ(link.status(again), "");
}

TEST(serving_health, whoever_watches_is_woken_when_services_come_to_be_hosted) {
  std::vector<std::size_t> woken;
  const auto bridge = *serving::Bridge::open({.io_threads = 2, .calls_max = 1},
                                             [&](std::size_t thread) { woken.push_back(thread); });
  bridge->host({{"/my.Service/Do"}, false});
  EXPECT(woken == std::vector<std::size_t>({0, 1}));
}

}  // namespace penstock::testing
