// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serving/hosted_methods.h"
#include "serving/server_state.h"
#include "serving/version_table.h"
#include "wire/v2_messages.h"

// grpc.health.v1 in the words of this server. What can be asked about:
//
//   ""                              the server: does it want traffic?
//   "inference.GRPCInferenceService", and every hosted service: as the server
//   "NAME", "NAME/VERSION"          a model, a version of it: would a request for it be served?
//
// While the server drains, nothing is served.
namespace penstock::serving {

// What answers depend on.
struct HealthView {
  const VersionTable* versions = nullptr;
  const HostedMethods* hosted = nullptr;
  bool is_ready = false;
  bool is_draining = false;
};

// The numbers of what a HealthView showed: equal ones mean equal answers.
struct HealthStamp {
  std::uint64_t versions = 0;
  std::uint64_t hosted = 0;
  bool is_ready = false;
  bool is_draining = false;

  friend bool operator==(const HealthStamp&, const HealthStamp&) = default;
};

// A service that is not known is kServiceUnknown. Pure.
wire::ServingStatus health_of(std::string_view service, const HealthView& view);

// Everything that can be asked about, but for single versions. The names last as long as `view`.
std::vector<std::pair<std::string_view, wire::ServingStatus>> health_list(const HealthView& view);

// Of a Health/Watch call.
struct HealthWatch {
  std::string service;
  std::size_t index = 0;  // among its Front's watches
  wire::ServingStatus told = wire::ServingStatus::kUnknown;
};

}  // namespace penstock::serving
