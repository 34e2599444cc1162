// SPDX-License-Identifier: Apache-2.0
#include "serving/request_parameters.h"

#include <optional>
#include <string>
#include <variant>

#include "base/text.h"
#include "wire/classification.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::fail;
using wire::Parameter;

constexpr std::string_view kReservedPrefix = "triton_";
constexpr std::string_view kEmptyFinalResponse = "triton_enable_empty_final_response";
// Waits beyond this are no bound at all, and would not fit a count of nanoseconds.
constexpr std::int64_t kTimeoutUsMax = base::kNever / base::kMicrosecond - 1;

std::unexpected<base::Error> wrong_type(std::string_view name, std::string_view wanted) {
  return fail(Code::kInvalidArgument, "invalid value type for '" + std::string(name) +
                                          "' parameter, expected " + std::string(wanted) + ".");
}

template <class T>
bool is_a(const Parameter& parameter) {
  return std::holds_alternative<T>(parameter.value);
}

// A whole number of at least 0 as either kind of integer; nothing: it is none.
std::optional<std::uint64_t> count_of(const Parameter& parameter) {
  if (const auto* number = std::get_if<std::uint64_t>(&parameter.value)) return *number;
  const auto* number = std::get_if<std::int64_t>(&parameter.value);
  if (number == nullptr || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

base::Result<std::uint64_t> read_count(const Parameter& parameter) {
  if (const auto count = count_of(parameter)) return *count;
  if (!is_a<std::int64_t>(parameter)) {
    return wrong_type(parameter.name, "int64_param or uint64_param");
  }
  return fail(Code::kInvalidArgument, "invalid value for '" + std::string(parameter.name) +
                                          "' parameter, expected value >= 0, got " +
                                          std::to_string(std::get<std::int64_t>(parameter.value)));
}

base::Result<> read_reserved(const Parameter& parameter, RequestWishes& wishes) {
  const std::string_view name = parameter.name;
  if (name == "timeout") {
    const auto count = read_count(parameter);
    if (!count) return std::unexpected(count.error());
    if (*count <= kTimeoutUsMax) {
      wishes.timeout_ns = static_cast<base::Nanos>(*count) * base::kMicrosecond;
    }
    return {};
  }
  if (name == "priority") {
    const auto count = read_count(parameter);
    return count ? base::Result<>() : std::unexpected(count.error());
  }
  if (name == "sequence_id") {
    const bool fits = is_a<std::int64_t>(parameter) || is_a<std::uint64_t>(parameter) ||
                      is_a<std::string_view>(parameter);
    return fits ? base::Result<>() : wrong_type(name, "int64_param or string_param");
  }
  if (name == "sequence_start" || name == "sequence_end") {
    return is_a<bool>(parameter) ? base::Result<>() : wrong_type(name, "bool_param");
  }
  if (!name.starts_with(kReservedPrefix)) return {};
  if (name != kEmptyFinalResponse) {
    return fail(Code::kInvalidArgument,
                "parameter keys starting with 'triton_' are reserved for Triton usage. Only the "
                "following keys starting with 'triton_' are allowed: " +
                    std::string(kEmptyFinalResponse) + "; got " + base::quote(name));
  }
  return is_a<bool>(parameter) ? base::Result<>() : wrong_type(name, "bool_param");
}

base::Result<std::uint32_t> read_classes(const Parameter& parameter,
                                         const base::TensorSpec& output) {
  const auto count = read_count(parameter);
  if (!count)
    return fail(count.error().code,
                "output " + base::quote(output.name) + ": " + count.error().why);
  if (*count > 0 && !wire::can_classify(output.dtype)) {
    return fail(Code::kInvalidArgument,
                "class result not available for output " + base::quote(output.name) +
                    " due to unsupported type '" + std::string(name_of(output.dtype)) +
                    "'; numbers can be ranked");
  }
  if (*count > wire::kClassesMax) {
    return fail(Code::kInvalidArgument,
                "output " + base::quote(output.name) + ": classification may ask for at most " +
                    std::to_string(wire::kClassesMax) + " classes, got " + std::to_string(*count));
  }
  return static_cast<std::uint32_t>(*count);
}

}  // namespace

base::Result<RequestWishes> read_wishes(const wire::InferRequest& request) {
  RequestWishes wishes;
  for (const Parameter& parameter : request.parameters_of(request.parameters)) {
    if (auto read = read_reserved(parameter, wishes); !read) return std::unexpected(read.error());
  }
  return wishes;
}

base::Result<> bind_classes(const wire::InferRequest& request, const base::Signature& signature,
                            const std::vector<std::uint32_t>& wanted,
                            std::vector<std::uint32_t>& classes) {
  classes.clear();
  for (std::size_t i = 0; i < request.outputs.size(); ++i) {
    for (const Parameter& parameter : request.parameters_of(request.outputs[i].parameters)) {
      if (parameter.name != "classification") continue;
      const auto count = read_classes(parameter, signature.outputs[wanted[i]]);
      if (!count) return std::unexpected(count.error());
      if (*count == 0) continue;
      classes.resize(request.outputs.size(), 0);
      classes[i] = *count;
    }
  }
  return {};
}

}  // namespace penstock::serving
