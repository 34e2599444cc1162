// SPDX-License-Identifier: Apache-2.0
#include "serving/health.h"

#include <algorithm>

namespace penstock::serving {
namespace {

using wire::ServingStatus;

constexpr std::string_view kInferenceService = "inference.GRPCInferenceService";

ServingStatus serving_if(bool is_serving) {
  return is_serving ? ServingStatus::kServing : ServingStatus::kNotServing;
}

}  // namespace

ServingStatus health_of(std::string_view service, const HealthView& view) {
  const bool is_open = view.is_ready && !view.is_draining;
  if (service.empty() || service == kInferenceService || view.hosted->has_service(service)) {
    return serving_if(is_open);
  }
  // A model serves as soon as it is loaded, though others still load and the server is not ready.
  if (view.versions->model(service) != nullptr) {
    const bool is_there = view.versions->find(service, {}).has_value() ||
                          view.versions->asleep(service, {}) != nullptr;
    return serving_if(!view.is_draining && is_there);
  }
  const std::size_t slash = service.rfind('/');
  if (slash == std::string_view::npos) return ServingStatus::kServiceUnknown;
  const std::string_view model = service.substr(0, slash);
  const std::string_view number = service.substr(slash + 1);
  const auto version = view.versions->find(model, number);
  if (version || view.versions->asleep(model, number) != nullptr)
    return serving_if(!view.is_draining);
  return version.error().code == base::Code::kUnavailable ? ServingStatus::kNotServing
                                                          : ServingStatus::kServiceUnknown;
}

std::vector<std::pair<std::string_view, ServingStatus>> health_list(const HealthView& view) {
  std::vector<std::pair<std::string_view, ServingStatus>> list;
  const auto add = [&](std::string_view service) {
    list.emplace_back(service, health_of(service, view));
  };
  add("");
  add(kInferenceService);
  for (const std::string& service : view.hosted->services()) add(service);
  view.versions->for_each_model([&](const std::string& name) { add(name); });
  return list;
}

}  // namespace penstock::serving
