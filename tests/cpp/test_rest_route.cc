// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>

#include "harness.h"
#include "rest/route.h"
#include "rest/status.h"

namespace penstock {
namespace {

using rest::parse_route;
using rest::RouteKind;

struct Case {
  const char* method;
  const char* path;
  RouteKind kind;
  const char* model = "";
  const char* version = "";
};

TEST(rest_route, native_routes_are_known_by_method_and_path) {
  const std::array cases = std::to_array<Case>({
      {"GET", "/v2", RouteKind::kServerMetadata},
      {"HEAD", "/v2", RouteKind::kServerMetadata},
      {"GET", "/v2?x=1", RouteKind::kServerMetadata},
      {"GET", "/v2/health/live", RouteKind::kServerLive},
      {"GET", "/v2/health/ready", RouteKind::kServerReady},
      {"GET", "/v2/models/m", RouteKind::kModelMetadata, "m"},
      {"GET", "/v2/models/m/versions/7", RouteKind::kModelMetadata, "m", "7"},
      {"GET", "/v2/models/m/ready", RouteKind::kModelReady, "m"},
      {"GET", "/v2/models/m/versions/7/ready", RouteKind::kModelReady, "m", "7"},
      {"POST", "/v2/models/m/infer", RouteKind::kModelInfer, "m"},
      {"POST", "/v2/models/m/versions/07/infer?a", RouteKind::kModelInfer, "m", "07"},
      {"POST", "/v2/models/a%20b%2Fc/infer", RouteKind::kModelInfer, "a b/c"},
      {"POST", "/v2/models/%2e%2E/versions/%31/infer", RouteKind::kModelInfer, "..", "1"},
      {"POST", "/v2/models/caf%C3%A9/infer", RouteKind::kModelInfer, "caf\xc3\xa9"},
      {"GET", "/v2/models/infer", RouteKind::kModelMetadata, "infer"},
      {"POST", "/v1/models/m:predict", RouteKind::kV1Predict, "m"},
      {"POST", "/v1/models/a:b:predict", RouteKind::kV1Predict, "a:b"},
      {"POST", "/v1/models/m/versions/3:predict", RouteKind::kV1Predict, "m", "3"},
  });
  for (const Case& one : cases) {
    std::string decoded;
    const auto route = parse_route(one.method, one.path, decoded);
    EXPECT(route.has_value());
    if (!route) continue;
    EXPECT(route->kind == one.kind);
    EXPECT_EQ(route->model, one.model);
    EXPECT_EQ(route->version, one.version);
  }
}

TEST(rest_route, everything_else_is_the_control_applications) {
  for (const char* path : {"/",
                           "*",
                           "/v2/",
                           "/v3",
                           "/v2/health",
                           "/v2/health/live/",
                           "/v2/models",
                           "/v2/models/",
                           "/v2/models//infer",
                           "/v2/models/m/",
                           "/v2/models/m/infer/",
                           "/v2/models/m/config",
                           "/v2/models/m/stats",
                           "/v2/models/stats",
                           "/v2/models/m/versions",
                           "/v2/models/m/versions/",
                           "/v2/models/m/versions//infer",
                           "/v2/models/m/versions/1/",
                           "/V2",
                           "/v2/models/m/Infer",
                           "/v2/repository/index",
                           "/v2/logging",
                           "/v1/models/:predict",
                           "/v1/models/m/:predict",
                           "/v1/models/m/x:predict",
                           "/v1/models/m:explain",
                           "//v2",
                           "/v2/../v2",
                           "/v2/models/%zz/config",
                           "http://host/v2"}) {
    std::string decoded;
    const auto route = parse_route("DELETE", path, decoded);
    EXPECT(route.has_value() && route->kind == RouteKind::kControl);
  }
}

// CONNECT over HTTP/2 has none.
TEST(rest_route, a_request_without_a_path_is_refused) {
  std::string decoded;
  const auto route = parse_route("CONNECT", "", decoded);
  REQUIRE(!route.has_value());
  EXPECT_EQ(route.error().status, 400);
  EXPECT_CONTAINS(route.error().error.why, "no path");
}

TEST(rest_route, the_query_is_split_off) {
  std::string decoded;
  const auto route = parse_route("GET", "/v2/docs?a=%zz?b", decoded);
  REQUIRE(route.has_value());
  EXPECT_EQ(route->path, "/v2/docs");
  EXPECT_EQ(route->query, "a=%zz?b");
}

TEST(rest_route, a_method_that_a_route_lacks_is_refused_with_those_it_has) {
  std::string decoded;
  for (const char* method : {"POST", "get", "OPTIONS", ""}) {
    const auto route = parse_route(method, "/v2/health/ready", decoded);
    REQUIRE(!route.has_value());
    EXPECT_EQ(route.error().status, 405);
    EXPECT_EQ(route.error().allow, "GET, HEAD");
  }
  for (const char* path : {"/v2/models/m/infer", "/v1/models/m:predict"}) {
    const auto route = parse_route("GET", path, decoded);
    REQUIRE(!route.has_value());
    EXPECT_EQ(route.error().allow, "POST");
    EXPECT_CONTAINS(route.error().error.why, "Method Not Allowed");
  }
}

TEST(rest_route, a_name_that_is_none_is_refused) {
  for (const char* name : {"%", "%2", "%zz", "a%4", "%ff", "%00", "%c3"}) {
    std::string decoded;
    const auto route = parse_route("POST", "/v2/models/" + std::string(name) + "/infer", decoded);
    REQUIRE(!route.has_value());
    EXPECT_EQ(route.error().status, 400);
  }
  std::string decoded;
  EXPECT(!parse_route("GET", "/v2/models/m/versions/%", decoded).has_value());
}

TEST(rest_status, codes_have_tritons_status) {
  using base::Code;
  EXPECT_EQ(rest::http_status(Code::kInternal), 500);
  EXPECT_EQ(rest::http_status(Code::kNotFound), 404);
  EXPECT_EQ(rest::http_status(Code::kUnavailable), 503);
  EXPECT_EQ(rest::http_status(Code::kUnimplemented), 501);
  EXPECT_EQ(rest::http_status(Code::kInvalidArgument), 400);
  EXPECT_EQ(rest::http_status(Code::kAlreadyExists), 400);
}

}  // namespace
}  // namespace penstock
