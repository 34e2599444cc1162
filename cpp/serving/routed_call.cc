// SPDX-License-Identifier: Apache-2.0
#include "serving/routed_call.h"

#include <algorithm>

#include "base/text.h"
#include "judging/finite.h"
#include "routing/forced_arm.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::fail;

std::string_view header_named(std::span<const ForwardedHeader> headers, std::string_view name) {
  const auto found = std::ranges::find(headers, name, &ForwardedHeader::name);
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

std::unexpected<base::Error> too_long(std::string_view header) {
  return fail(Code::kInvalidArgument,
              "header " + base::quote(header) + " decides over the request's version: at most " +
                  std::to_string(kKeyBytesMax) + " bytes are wanted, got more");
}

}  // namespace

void keep_route_headers(std::span<const http::Field> fields, std::span<const std::string> wanted,
                        std::vector<ForwardedHeader>& kept) {
  for (const http::Field& field : fields) {
    if (field.value.empty()) continue;
    if (std::ranges::find(wanted, field.name) == wanted.end()) continue;
    if (!header_named(kept, field.name).empty()) continue;
    kept.emplace_back(std::string(field.name),
                      std::string(field.value.substr(0, kKeyBytesMax + 1)));
  }
}

base::Result<std::string_view> key_of(const routing::StickyKey& sticky,
                                      const wire::InferRequest& request,
                                      std::span<const ForwardedHeader> headers,
                                      std::string& scratch) {
  if (sticky.source == routing::KeySource::kHeader) {
    const std::string_view key = header_named(headers, sticky.name);
    if (key.size() > kKeyBytesMax) return too_long(sticky.name);
    if (!key.empty()) return key;
  }
  if (sticky.source == routing::KeySource::kParameter) {
    const auto parameters = request.parameters_of(request.parameters);
    const auto found = std::ranges::find(parameters, sticky.name, &wire::Parameter::name);
    if (found != parameters.end()) {
      std::string_view key;
      if (const auto* text = std::get_if<std::string_view>(&found->value)) {
        key = *text;
      } else if (const auto* number = std::get_if<std::int64_t>(&found->value)) {
        key = scratch = std::to_string(*number);
      } else if (const auto* natural = std::get_if<std::uint64_t>(&found->value)) {
        key = scratch = std::to_string(*natural);
      }
      if (!key.empty() && key.size() <= kKeyBytesMax) return key;
      return fail(Code::kInvalidArgument,
                  "parameter " + base::quote(sticky.name) +
                      " decides over the request's version: a text of 1 to " +
                      std::to_string(kKeyBytesMax) + " bytes or a whole number is wanted");
    }
  }
  return request.id;
}

base::Result<std::optional<std::uint32_t>> forced_arm(const routing::Route& route,
                                                      std::span<const ForwardedHeader> headers,
                                                      std::int64_t now_s) {
  if (route.force_keys().empty()) return std::nullopt;
  const std::string_view header = header_named(headers, routing::kForcedArmHeader);
  if (header.empty()) return std::nullopt;
  if (header.size() > kKeyBytesMax) return too_long(routing::kForcedArmHeader);
  const auto name = routing::read_forced_arm(header, route.name(), route.force_keys(), now_s);
  if (!name) return std::unexpected(name.error());
  const auto arm = route.arm_named(*name);
  if (arm) return arm;
  return fail(Code::kNotFound, "header " + base::quote(routing::kForcedArmHeader) + ": model " +
                                   base::quote(route.name()) + " has no arm " + base::quote(*name) +
                                   "; it has " + route.arm_names());
}

Judged judged(const batching::Outcome& outcome, std::span<const base::Tensor> inputs) {
  if (outcome.outputs) {
    // The inputs are looked at only where it matters: what was asked about NaN may answer NaN.
    if (judging::are_finite(*outcome.outputs) || !judging::are_finite(inputs)) return {};
    return {.bearing = Bearing::kBad, .kind = judging::BadKind::kNonFinite};
  }
  if (outcome.batch_rows == 0) return {.bearing = Bearing::kNothing};
  switch (outcome.outputs.error().code) {
    case Code::kDeadlineExceeded:
      return {.bearing = Bearing::kBad, .kind = judging::BadKind::kTimeout};
    case Code::kInternal:
    case Code::kUnavailable:
    case Code::kUnknown:
    case Code::kDataLoss: return {.bearing = Bearing::kBad, .kind = judging::BadKind::kError};
    default: return {.bearing = Bearing::kNothing};
  }
}

}  // namespace penstock::serving
