// SPDX-License-Identifier: Apache-2.0
#include "rest/coding.h"

#include <algorithm>
#include <array>

#include "rest/list.h"

namespace penstock::rest {
namespace {

// The weight of "gzip;q=0.5" in thousandths; nothing: it is malformed (RFC 9110 section 12.4.2).
std::optional<int> weight_of(std::string_view parameters) {
  constexpr int kWhole = 1000;
  if (parameters.empty()) return kWhole;
  if (parameters.size() < 3 || (parameters[0] != 'q' && parameters[0] != 'Q') ||
      parameters[1] != '=') {
    return std::nullopt;
  }
  const std::string_view digits = parameters.substr(2);
  if (digits.size() > 5 || (digits[0] != '0' && digits[0] != '1')) return std::nullopt;
  int weight = (digits[0] - '0') * kWhole;
  if (digits.size() > 1) {
    if (digits[1] != '.') return std::nullopt;
    int step = kWhole / 10;
    for (const char c : digits.substr(2)) {
      if (c < '0' || c > '9') return std::nullopt;
      weight += (c - '0') * step;
      step /= 10;
    }
  }
  return weight <= kWhole ? std::optional(weight) : std::nullopt;
}

}  // namespace

std::optional<Coding> coding_named(std::string_view name) {
  if (is_equal_ignoring_case(name, "gzip") || is_equal_ignoring_case(name, "x-gzip")) {
    return Coding::kGzip;
  }
  if (is_equal_ignoring_case(name, "deflate")) return Coding::kDeflate;
  if (is_equal_ignoring_case(name, "identity")) return Coding::kIdentity;
  return std::nullopt;
}

Coding answer_coding(std::string_view accept_encoding) {
  std::array<std::optional<int>, 3> weights;  // by Coding
  std::optional<int> others;                  // "*"
  while (!accept_encoding.empty()) {
    std::string_view element = take_element(accept_encoding);
    const std::size_t semicolon = element.find(';');
    const std::string_view name = trim(element.substr(0, semicolon));
    const std::string_view parameters = semicolon == std::string_view::npos
                                            ? std::string_view()
                                            : trim(element.substr(semicolon + 1));
    if (semicolon != std::string_view::npos && parameters.empty()) continue;
    const std::optional<int> weight = weight_of(parameters);
    if (!weight) continue;
    if (name == "*") others = weight;
    if (const auto known = coding_named(name)) {
      weights[static_cast<std::size_t>(*known)] = weight;
    }
  }
  const auto weight = [&](Coding coding) {
    return weights[static_cast<std::size_t>(coding)].value_or(others.value_or(0));
  };
  const int gzip = weight(Coding::kGzip);
  const int deflate = weight(Coding::kDeflate);
  // Unnamed, identity is welcome, but less so than what is named.
  const int identity = weights[static_cast<std::size_t>(Coding::kIdentity)].value_or(0);
  const int best = std::max({gzip, deflate, identity});
  if (best == 0) return Coding::kIdentity;
  if (gzip == best) return Coding::kGzip;
  return deflate == best ? Coding::kDeflate : Coding::kIdentity;
}

}  // namespace penstock::rest
