// SPDX-License-Identifier: Apache-2.0
// Calls for versions that are asleep: parked, woken, refused, and gone.
#include <string>
#include <vector>

#include "harness.h"
#include "serving/asleep.h"
#include "serving_doubles.h"

namespace penstock::testing {
namespace {

using serving::Lane;
using serving::VersionEntry;
using Link = FrontRig::Link;

VersionEntry asleep(std::int64_t number = 1, std::string refusal = {}, std::uint64_t refusals = 0) {
  return {.number = number,
          .version = nullptr,
          .failure = std::move(refusal),
          .is_asleep = true,
          .refusals = refusals};
}

std::string path_of(std::string_view method) {
  return "/inference.GRPCInferenceService/" + std::string(method);
}

}  // namespace

TEST(serving_asleep, a_request_wakes_its_version_and_is_answered_once_that_is_loaded) {
  for (const Lane lane : {Lane::kInline, Lane::kBatch}) {
    FrontRig rig;
    rig.put("m", asleep());
    Link& link = rig.connect();
    const std::int32_t id = link.infer(infer_x("m", {1, 2}));
    rig.settle();
    EXPECT(!link.answer(id).is_closed());
    const std::vector<serving::Wake> wakes = rig.wakes->take();
    REQUIRE(wakes.size() == 1);
    EXPECT_EQ(wakes[0].model, "m");
    EXPECT_EQ(wakes[0].version, 1);
    rig.serve({.name = "m", .lane = lane}, x_to_y());
    rig.await(link, id);
    EXPECT_EQ(link.status(id), "0");
    EXPECT_EQ(link.output(id), bytes_of_value(1.0F) + bytes_of_value(2.0F));
  }
}

TEST(serving_asleep, another_table_that_leaves_it_asleep_changes_nothing) {
  FrontRig rig;
  rig.put("m", asleep());
  Link& link = rig.connect();
  const std::int32_t id = link.infer(infer_x("m", {1}));
  rig.settle();
  rig.serve({.name = "other"}, x_to_y());
  rig.settle();
  EXPECT(!link.answer(id).is_closed());
  EXPECT_EQ(rig.wakes->take().size(), 1);
}

TEST(serving_asleep, what_cannot_be_woken_refuses_those_that_wait_and_lets_later_ones_try) {
  FrontRig rig;
  rig.put("m", asleep());
  Link& link = rig.connect();
  const std::int32_t first = link.infer(infer_x("m", {1}));
  rig.settle();
  rig.put("m", asleep(1, "no room", 1));
  rig.settle();
  EXPECT_EQ(link.status(first), "14");
  EXPECT_EQ(link.message(first), "no room");
  const std::int32_t second = link.infer(infer_x("m", {1}));
  rig.settle();
  EXPECT(!link.answer(second).is_closed());
  EXPECT_EQ(rig.wakes->take().size(), 2);
  rig.put("m", {.number = 1, .version = nullptr, .failure = "no such file"});
  rig.settle();
  EXPECT_EQ(link.status(second), "14");
  EXPECT_CONTAINS(link.message(second), "no such file");
}

TEST(serving_asleep, a_version_that_falls_asleep_again_is_woken_again) {
  FrontRig rig;
  rig.put("m", asleep(2));
  Link& link = rig.connect();
  const std::int32_t id = link.infer(infer_x("m", {1}));
  rig.settle();
  rig.put("m", {.number = 2, .version = nullptr, .failure = {}});
  rig.put("m", asleep(3));
  rig.settle();
  EXPECT(!link.answer(id).is_closed());
  const auto wakes = rig.wakes->take();
  REQUIRE(wakes.size() == 2);
  EXPECT_EQ(wakes[1].version, 3);
  rig.serve({.name = "m", .number = 3}, x_to_y());
  rig.await(link, id);
  EXPECT_EQ(link.status(id), "0");
}

TEST(serving_asleep, a_parked_call_ends_at_its_deadline_by_a_reset_or_with_its_connection) {
  FrontRig rig;
  rig.put("m", asleep());
  Link& link = rig.connect();
  Link& gone = rig.connect();
  const std::int32_t late = link.infer(infer_x("m", {1}), {{"grpc-timeout", "5S"}});
  const std::int32_t reset = link.infer(infer_x("m", {1}));
  const std::int32_t stays = link.infer(infer_x("m", {3}));
  gone.infer(infer_x("m", {1}));
  rig.settle();
  rig.skew_ns = 6 * base::kSecond;
  rig.settle();
  EXPECT_EQ(link.status(late), "4");
  link.client.reset(reset);
  rig.disconnect(gone);
  rig.settle();
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  rig.settle();
  EXPECT_EQ(link.output(stays), bytes_of_value(3.0F));
}

TEST(serving_asleep, parked_calls_are_bounded_and_their_places_are_free_again) {
  FrontRig rig;
  rig.put("m", asleep());
  std::vector<Link*> links;
  std::vector<std::int32_t> ids;
  const auto ask = [&] {
    if (ids.size() % 64 == 0) links.push_back(&rig.connect());
    ids.push_back(links.back()->infer(infer_x("m", {1})));
    rig.settle();
  };
  for (std::size_t i = 0; i < serving::kParkedCallsMax; ++i) ask();
  EXPECT(!links.back()->answer(ids.back()).is_closed());
  ask();
  EXPECT_EQ(links.back()->status(ids.back()), "8");
  EXPECT_EQ(rig.wakes->take().size(), serving::kParkedCallsMax);
  rig.serve({.name = "m", .lane = Lane::kInline}, x_to_y());
  rig.settle();
  for (std::size_t i = 0; i < serving::kParkedCallsMax; ++i) {
    REQUIRE(links[i / 64]->status(ids[i]) == "0");
  }
}

TEST(serving_asleep, wakes_that_nobody_takes_are_bounded_too) {
  auto wakes = *serving::Wakes::open(1);
  for (std::size_t i = 0; i < serving::kParkedCallsMax; ++i) {
    REQUIRE(wakes->push({.model = "m", .version = 1}));
  }
  EXPECT(!wakes->push({.model = "m", .version = 1}));
  EXPECT_EQ(wakes->take().size(), serving::kParkedCallsMax);
  EXPECT(wakes->push({.model = "m", .version = 1}));
}

TEST(serving_asleep, a_sleeping_model_is_ready_without_being_woken_and_woken_for_its_metadata) {
  FrontRig rig;
  rig.put("m", asleep());
  Link& link = rig.connect();
  const std::int32_t ready = link.call(path_of("ModelReady"), sized_field(1, "m"));
  const std::int32_t health = link.call("/grpc.health.v1.Health/Check", sized_field(1, "m/1"));
  rig.settle();
  EXPECT_EQ(link.reply(ready), std::string("\x08\x01"));
  EXPECT_EQ(link.reply(health), std::string("\x08\x01"));
  EXPECT(rig.wakes->take().empty());
  const std::int32_t metadata = link.call(path_of("ModelMetadata"), sized_field(1, "m"));
  rig.settle();
  EXPECT_EQ(rig.wakes->take().size(), 1);
  rig.serve({.name = "m"}, x_to_y());
  rig.settle();
  EXPECT(proto_values(link.reply(metadata), 2) == std::vector<std::string>({"1"}));
}

}  // namespace penstock::testing
