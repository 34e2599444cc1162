// SPDX-License-Identifier: Apache-2.0
#include "serving/route_table.h"

#include <algorithm>
#include <utility>

#include "routing/forced_arm.h"

namespace penstock::serving {

const std::shared_ptr<const RoutedModel>* RouteTable::find(std::string_view name) const {
  const auto found = routes_.find(name);
  return found == routes_.end() ? nullptr : &found->second;
}

void RouteTable::set(std::shared_ptr<const RoutedModel> routed) {
  const std::string& name = routed->route.name();
  routes_.insert_or_assign(name, std::move(routed));
  collect_headers();
}

void RouteTable::remove(std::string_view name) {
  const auto found = routes_.find(name);
  if (found != routes_.end()) routes_.erase(found);
  collect_headers();
}

void RouteTable::collect_headers() {
  headers_.clear();
  const auto want = [this](std::string_view header) {
    if (std::ranges::find(headers_, header) == headers_.end()) headers_.emplace_back(header);
  };
  for (const auto& [name, routed] : routes_) {
    const routing::StickyKey& sticky = routed->route.sticky();
    if (sticky.source == routing::KeySource::kHeader) want(sticky.name);
    if (!routed->route.force_keys().empty()) want(routing::kForcedArmHeader);
  }
}

}  // namespace penstock::serving
