// SPDX-License-Identifier: Apache-2.0
// Headers on their way to a model: kept while a request comes, told once, counted and let go.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "serving_doubles.h"

namespace penstock::testing {
namespace {

using serving::Lane;
using Link = FrontRig::Link;

serving::FrontOptions forwarding(std::string_view pattern) {
  serving::FrontOptions options;
  options.grpc_forwarding =
      std::make_shared<const base::NamePattern>(base::NamePattern::make(pattern).value());
  return options;
}

// Serves "m", which sees requests, gives x back and appends to `told` what each said.
auto serve_listener(FrontRig& rig, Lane lane, std::vector<std::string>& told) {
  return rig.serve(
      {.name = "m", .lane = lane}, x_to_y(),
      [&told](const model::ExecutorBatch& batch, std::vector<base::Tensor>&) -> base::Result<> {
        told.emplace_back(batch.request_facts.empty() ? "nothing" : batch.request_facts[0]);
        batch.answers->push_back(std::vector<base::Tensor>{batch.inputs[0]});
        return {};
      },
      true);
}

}  // namespace

TEST(serving_front_forwarding, a_model_is_told_the_headers_of_its_own_request_only) {
  for (const Lane lane : {Lane::kInline, Lane::kBatch}) {
    FrontRig rig(forwarding("^x-"));
    std::vector<std::string> told;
    const auto version = serve_listener(rig, lane, told);
    Link& link = rig.connect();
    const std::string asks = infer_x("m", {1});
    for (const Fields& fields : {Fields{{"x-a", "1"}, {"y-a", "2"}}, Fields{}}) {
      const std::int32_t id = link.infer(asks, fields);
      rig.await(link, id);
      EXPECT_EQ(link.status(id), "0");
    }
    REQUIRE(told.size() == 2);
    EXPECT_EQ(told[0], R"({"headers":{"x-a":"1"}})");
    EXPECT_EQ(told[1], "nothing");
  }
}

TEST(serving_front_forwarding, nothing_is_told_without_a_pattern) {
  FrontRig rig;
  std::vector<std::string> told;
  const auto version = serve_listener(rig, Lane::kInline, told);
  Link& link = rig.connect();
  const std::int32_t id = link.infer(infer_x("m", {1}), {{"x-a", "1"}});
  rig.await(link, id);
  REQUIRE(told.size() == 1);
  EXPECT_EQ(told[0], "nothing");
}

TEST(serving_front_forwarding, kept_headers_are_bytes_in_flight_until_their_request_ends) {
  serving::FrontOptions options = forwarding("^x-");
  options.inflight_bytes_max = 10'000;
  FrontRig rig(options);
  std::vector<std::string> told;
  const auto version = serve_listener(rig, Lane::kInline, told);
  Link& link = rig.connect();
  const std::string asks = infer_x("m", {1});
  const std::int32_t refused = link.infer(asks, {{"x-a", std::string(6'000, 'a')}});
  rig.settle();
  EXPECT_EQ(link.status(refused), "8");
  EXPECT_CONTAINS(link.message(refused), "(10000)");
  for (int i = 0; i < 5; ++i) {
    const std::int32_t fits = link.infer(asks, {{"x-a", std::string(3'000, 'a')}});
    rig.await(link, fits);
    EXPECT_EQ(link.status(fits), "0");
  }
  const std::int32_t others = link.infer(asks, {{"y-a", std::string(6'000, 'a')}});
  rig.await(link, others);
  EXPECT_EQ(link.status(others), "0");
}

TEST(serving_front_forwarding, more_than_a_model_is_told_is_refused_before_its_body_comes) {
  FrontRig rig(forwarding("."));
  Link& link = rig.connect();
  const Fields fields = {{"x", std::string(serving::kForwardedBytesMax, 'a')}};
  const std::int32_t id = link.client.request(grpc_request(kInferPath, fields), {}, false);
  rig.settle();
  EXPECT_EQ(link.status(id), "8");
  EXPECT_CONTAINS(link.message(id), "narrow the pattern");
}

}  // namespace penstock::testing
