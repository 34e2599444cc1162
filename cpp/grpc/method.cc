// SPDX-License-Identifier: Apache-2.0
#include "grpc/method.h"

#include <array>
#include <string>

#include "base/text.h"

namespace penstock::grpc {
namespace {

// In the order of Method.
constexpr std::array<std::string_view, 9> kPaths = {
    "/inference.GRPCInferenceService/ServerLive",
    "/inference.GRPCInferenceService/ServerReady",
    "/inference.GRPCInferenceService/ModelReady",
    "/inference.GRPCInferenceService/ServerMetadata",
    "/inference.GRPCInferenceService/ModelMetadata",
    "/inference.GRPCInferenceService/ModelInfer",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.health.v1.Health/List",
};

bool is_known_service(std::string_view service_with_slashes) {
  for (const std::string_view path : kPaths) {
    if (path.substr(0, path.rfind('/') + 1) == service_with_slashes) return true;
  }
  return false;
}

}  // namespace

Method method_of(std::string_view path) {
  if (path == path_of(Method::kModelInfer)) return Method::kModelInfer;
  for (std::size_t i = 0; i < kPaths.size(); ++i) {
    if (path == kPaths[i]) return static_cast<Method>(i);
  }
  return Method::kNotNative;
}

std::string_view path_of(Method method) {
  const auto i = static_cast<std::size_t>(method);
  return i < kPaths.size() ? kPaths[i] : std::string_view();
}

base::Error unknown_method(std::string_view path, bool has_service) {
  const std::size_t slash = path.rfind('/');
  if (path.empty() || path.front() != '/' || slash == 0 || slash + 1 == path.size()) {
    return {base::Code::kUnimplemented,
            "a gRPC path has the form \"/service/Method\", but " + base::quote(path) + " came"};
  }
  const std::string_view service = path.substr(1, slash - 1);
  if (!has_service && !is_known_service(path.substr(0, slash + 1))) {
    return {base::Code::kUnimplemented, "this server has no service " + base::quote(service)};
  }
  return {base::Code::kUnimplemented, "service " + base::quote(service) +
                                          " of this server has no method " +
                                          base::quote(path.substr(slash + 1))};
}

}  // namespace penstock::grpc
