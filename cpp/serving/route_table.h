// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/published.h"
#include "routing/route.h"
#include "serving/shadow.h"
#include "serving/trial.h"

namespace penstock::serving {

// A public model name whose requests are shared among versions. Immutable; a call keeps the one
// that it was assigned by.
struct RoutedModel {
  routing::Route route;
  std::shared_ptr<Trial> trial;  // null: no rollout
  std::uint32_t epoch = 0;       // of the trial
  // In the order of the route's shadows.
  std::vector<std::shared_ptr<Shadow>> shadows = {};
};

// Every route of the server. A value: changing it means publishing another.
class RouteTable {
 public:
  bool is_empty() const { return routes_.empty(); }
  // Null: requests of this name are none of a route's.
  const std::shared_ptr<const RoutedModel>* find(std::string_view name) const;
  // The headers that routes want to see of every request, in lower case; each once.
  const std::vector<std::string>& headers() const { return headers_; }

  void set(std::shared_ptr<const RoutedModel> routed);
  void remove(std::string_view name);

 private:
  void collect_headers();

  std::map<std::string, std::shared_ptr<const RoutedModel>, std::less<>> routes_;
  std::vector<std::string> headers_;
};

using PublishedRoutes = base::Published<RouteTable>;

}  // namespace penstock::serving
