// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace penstock::serving {

// What the control thread answers: gRPC methods by their paths. Immutable once it is published, so
// that an io thread refuses an unknown method without asking anybody.
class HostedMethods {
 public:
  // `paths` have the form "/service/Method". `takes_any`: the application wants to see calls of
  // every other path as well.
  HostedMethods() = default;
  HostedMethods(std::set<std::string, std::less<>> paths, bool takes_any)
      : paths_(std::move(paths)), takes_any_(takes_any) {
    for (const std::string& path : paths_) services_.emplace(service_in(path));
  }

  bool has(std::string_view path) const { return takes_any_ || paths_.contains(path); }
  bool has_service(std::string_view service) const { return services_.contains(service); }
  const std::set<std::string, std::less<>>& services() const { return services_; }

  // "package.Service" of "/package.Service/Method"; empty for another form.
  static std::string_view service_in(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos || slash == 0 || path.front() != '/') return {};
    return path.substr(1, slash - 1);
  }

 private:
  std::set<std::string, std::less<>> paths_;
  std::set<std::string, std::less<>> services_;
  bool takes_any_ = false;
};

}  // namespace penstock::serving
