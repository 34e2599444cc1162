// SPDX-License-Identifier: Apache-2.0
#include "wire/parameters.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/text.h"
#include "wire/limits.h"
#include "wire/protobuf.h"

namespace penstock::wire {
namespace {

using base::Code;

// Up to here comparing each with each is cheaper than sorting.
constexpr std::ptrdiff_t kComparedPairwiseMax = 16;

// InferParameter: a oneof, so the last of its fields counts.
void read_value(std::string_view message, std::optional<ParameterValue>& value) {
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case varint_field(1): value = reader.get_uint64() != 0; break;
      case varint_field(2): value = reader.get_int64(); break;
      case sized_field(3): value = take_view(reader); break;
      case fixed64_field(4): value = reader.get_double(); break;
      case varint_field(5): value = reader.get_uint64(); break;
      default: skip_field(reader);
    }
  }
}

}  // namespace

base::Result<> append_parameter(std::string_view entry, std::vector<Parameter>& pool) {
  if (pool.size() >= kParametersMax) {
    return base::fail(Code::kInvalidArgument, "a request may carry at most " +
                                                  std::to_string(kParametersMax) + " parameters");
  }
  std::string_view name;
  std::optional<ParameterValue> value;
  pbf_reader reader = reader_of(entry);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case sized_field(1): name = take_view(reader); break;
      case sized_field(2): read_value(take_view(reader), value); break;
      default: skip_field(reader);
    }
  }
  if (!base::is_utf8(name)) {
    return std::unexpected(not_utf8("the name of parameter " + base::quote(name)));
  }
  if (!value) {
    return base::fail(Code::kInvalidArgument,
                      "parameter " + base::quote(name) +
                          " has no value; give it a bool, int64, string, double or uint64");
  }
  const auto* text = std::get_if<std::string_view>(&*value);
  if (text != nullptr && !base::is_utf8(*text)) {
    return std::unexpected(not_utf8("the value of parameter " + base::quote(name)));
  }
  pool.push_back({name, *value});
  return {};
}

ParameterRange close_parameters(std::vector<Parameter>& pool, std::uint32_t begin) {
  const auto first = pool.begin() + begin;
  const auto same_name = [](const Parameter& a, const Parameter& b) { return a.name == b.name; };
  if (pool.end() - first <= kComparedPairwiseMax) {
    auto kept = first;
    for (auto it = first; it != pool.end(); ++it) {
      const auto later = std::find_if(
          it + 1, pool.end(), [&](const Parameter& other) { return same_name(*it, other); });
      if (later == pool.end()) *kept++ = *it;
    }
    pool.erase(kept, pool.end());
  } else {
    // Backwards, so that the last of each name comes first and unique() keeps it.
    std::reverse(first, pool.end());
    std::stable_sort(first, pool.end(),
                     [](const Parameter& a, const Parameter& b) { return a.name < b.name; });
    pool.erase(std::unique(first, pool.end(), same_name), pool.end());
  }
  return {begin, static_cast<std::uint32_t>(pool.size())};
}

}  // namespace penstock::wire
