// SPDX-License-Identifier: Apache-2.0
#include "rest/route.h"

#include <optional>

#include "base/text.h"

namespace penstock::rest {
namespace {

using base::Code;

constexpr std::string_view kGet = "GET, HEAD";
constexpr std::string_view kPost = "POST";

std::unexpected<RouteRefusal> refuse(std::string why) {
  return std::unexpected(RouteRefusal{400, {}, {Code::kInvalidArgument, std::move(why)}});
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

// Appends `segment` decoded; false: a '%' is not followed by two hex digits.
bool append_decoded(std::string_view segment, std::string& decoded) {
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '%') {
      decoded += segment[i];
      continue;
    }
    if (segment.size() - i < 3) return false;
    const auto high = hex_digit(segment[i + 1]);
    const auto low = hex_digit(segment[i + 2]);
    if (!high || !low) return false;
    decoded += static_cast<char>(*high << 4 | *low);
    i += 2;
  }
  return true;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Takes everything up to the next '/' off the front; empty: there is nothing.
std::string_view take_segment(std::string_view& text) {
  const std::string_view segment = text.substr(0, text.find('/'));
  text.remove_prefix(segment.size());
  return segment;
}

// The rest of /v2/models/. Names are still encoded.
void match_v2_model(std::string_view rest, Route& route) {
  // Triton's route of all models' statistics; a model of that name has no metadata of its own.
  if (rest == "stats") return;
  const std::string_view model = take_segment(rest);
  std::string_view version;
  if (model.empty()) return;
  if (take_prefix(rest, "/versions/")) {
    version = take_segment(rest);
    if (version.empty()) return;
  }
  if (rest.empty()) {
    route.kind = RouteKind::kModelMetadata;
  } else if (rest == "/infer") {
    route.kind = RouteKind::kModelInfer;
  } else if (rest == "/ready") {
    route.kind = RouteKind::kModelReady;
  } else {
    return;
  }
  route.model = model;
  route.version = version;
}

// The rest of /v1/models/.
void match_v1_model(std::string_view rest, Route& route) {
  constexpr std::string_view kVerb = ":predict";
  if (!rest.ends_with(kVerb)) return;
  rest.remove_suffix(kVerb.size());
  const std::string_view model = take_segment(rest);
  std::string_view version;
  if (model.empty()) return;
  if (take_prefix(rest, "/versions/")) {
    version = take_segment(rest);
    if (version.empty()) return;
  }
  if (!rest.empty()) return;
  route.kind = RouteKind::kV1Predict;
  route.model = model;
  route.version = version;
}

void match(std::string_view path, Route& route) {
  if (take_prefix(path, "/v2")) {
    if (take_prefix(path, "/models/")) return match_v2_model(path, route);
    if (path.empty()) {
      route.kind = RouteKind::kServerMetadata;
    } else if (path == "/health/live") {
      route.kind = RouteKind::kServerLive;
    } else if (path == "/health/ready") {
      route.kind = RouteKind::kServerReady;
    }
  } else if (take_prefix(path, "/v1/models/")) {
    match_v1_model(path, route);
  }
}

std::string_view allowed(RouteKind kind) {
  switch (kind) {
    case RouteKind::kServerLive:
    case RouteKind::kServerReady:
    case RouteKind::kServerMetadata:
    case RouteKind::kModelReady:
    case RouteKind::kModelMetadata: return kGet;
    case RouteKind::kModelInfer:
    case RouteKind::kV1Predict: return kPost;
    case RouteKind::kControl: break;
  }
  return {};
}

std::optional<std::string> defect_of(std::string_view name, std::string_view what) {
  if (!base::is_utf8(name)) return "the " + std::string(what) + " in the path is not valid UTF-8";
  if (name.find('\0') != std::string_view::npos) {
    return "the " + std::string(what) + " in the path holds NUL";
  }
  return std::nullopt;
}

}  // namespace

std::expected<Route, RouteRefusal> parse_route(std::string_view method, std::string_view path,
                                               std::string& decoded) {
  if (path.empty()) return refuse("the request has no path");  // CONNECT over HTTP/2
  Route route;
  const std::size_t question = path.find('?');
  route.path = path.substr(0, question);
  if (question != std::string_view::npos) route.query = path.substr(question + 1);
  route.is_head = method == "HEAD";
  match(route.path, route);
  if (route.kind == RouteKind::kControl) return route;

  const std::string_view allow = allowed(route.kind);
  const bool is_allowed = allow == kPost ? method == "POST" : method == "GET" || route.is_head;
  if (!is_allowed) {
    return std::unexpected(
        RouteRefusal{405,
                     allow,
                     {Code::kInvalidArgument, "Method Not Allowed: " + base::quote(route.path) +
                                                  " is for " + std::string(allow) + ", but " +
                                                  base::quote(method) + " came"}});
  }
  if (route.model.find('%') != std::string_view::npos ||
      route.version.find('%') != std::string_view::npos) {
    decoded.clear();
    if (!append_decoded(route.model, decoded)) {
      return refuse("the model's name in the path has a '%' without two hex digits");
    }
    const std::size_t model_bytes = decoded.size();
    if (!append_decoded(route.version, decoded)) {
      return refuse("the version in the path has a '%' without two hex digits");
    }
    route.model = std::string_view(decoded).substr(0, model_bytes);
    route.version = std::string_view(decoded).substr(model_bytes);
  }
  if (const auto defect = defect_of(route.model, "model's name")) return refuse(*defect);
  if (const auto defect = defect_of(route.version, "version")) return refuse(*defect);
  return route;
}

}  // namespace penstock::rest
