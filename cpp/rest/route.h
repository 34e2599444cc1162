// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock::rest {

// What a request of the REST API asks for. Paths are matched as Triton matches them: byte for byte,
// without a slash at the end.
enum class RouteKind : std::uint8_t {
  kServerLive,      // GET /v2/health/live
  kServerReady,     // GET /v2/health/ready
  kServerMetadata,  // GET /v2
  kModelReady,      // GET /v2/models/{m}[/versions/{v}]/ready
  kModelMetadata,   // GET /v2/models/{m}[/versions/{v}]
  kModelInfer,      // POST /v2/models/{m}[/versions/{v}]/infer
  kV1Predict,       // POST /v1/models/{m}[/versions/{v}]:predict
  kControl,         // everything else: the control application knows, or says that it does not
};

struct Route {
  RouteKind kind = RouteKind::kControl;
  std::string_view model;    // decoded
  std::string_view version;  // decoded; empty: the one the server chooses
  std::string_view path;     // as it came, without the query
  std::string_view query;    // what follows '?', as it came
  bool is_head = false;      // HEAD: as GET, but only the headers
};

// A path that is none (400), or a method that the route does not have (405, and Allow says which
// it has).
struct RouteRefusal {
  int status = 400;
  std::string_view allow;
  base::Error error;
};

// `method` and `path` are :method and :path. A name is decoded as one segment, so an encoded slash
// is a part of it; a '%' without two hex digits, and names that are not UTF-8 or hold NUL are
// refused. Views point into `path` and into `decoded`, which is written only where a name is
// percent-encoded.
std::expected<Route, RouteRefusal> parse_route(std::string_view method, std::string_view path,
                                               std::string& decoded);

}  // namespace penstock::rest
