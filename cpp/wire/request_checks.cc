// SPDX-License-Identifier: Apache-2.0
#include "wire/request_checks.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "wire/limits.h"
#include "wire/tensor_checks.h"

namespace penstock::wire {
namespace {

using base::Code;
using base::DType;

std::string datatype_names() {
  std::string names;
  for (std::size_t i = 0; i < base::kDTypeCount; ++i) {
    if (i != 0) names += ", ";
    names += base::name_of(static_cast<DType>(i));
  }
  return names;
}

// Up to here comparing each name with each is cheaper than sorting them.
constexpr std::size_t kComparedPairwiseMax = 16;

// A name that several of `named` bear.
template <class Named>
std::optional<std::string_view> find_twin(const std::vector<Named>& named) {
  if (named.size() <= kComparedPairwiseMax) {
    for (std::size_t i = 1; i < named.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (named[i].name == named[j].name) return named[i].name;
      }
    }
    return std::nullopt;
  }
  std::vector<std::string_view> names;
  names.reserve(named.size());
  for (const Named& one : named) names.push_back(one.name);
  std::ranges::sort(names);
  const auto twin = std::ranges::adjacent_find(names);
  return twin == names.end() ? std::nullopt : std::optional(*twin);
}

}  // namespace

base::Result<> check_distinct(const InferRequest& request) {
  if (request.id.size() > kIdBytesMax) {
    return base::fail(Code::kInvalidArgument, "id may have at most " + std::to_string(kIdBytesMax) +
                                                  " bytes, got " +
                                                  std::to_string(request.id.size()));
  }
  if (const auto twin = find_twin(request.inputs)) {
    return base::fail(Code::kInvalidArgument,
                      "input " + base::quote(*twin) + " is given more than once");
  }
  if (const auto twin = find_twin(request.outputs)) {
    return base::fail(Code::kInvalidArgument,
                      "output " + base::quote(*twin) + " is requested more than once");
  }
  return {};
}

base::Result<DType> datatype_of(const InferInput& input, std::string_view name) {
  const std::optional<DType> dtype = base::dtype_named(name);
  if (dtype) return *dtype;
  return base::fail(Code::kInvalidArgument,
                    about(input) +
                        (name.empty() ? std::string("it has no datatype")
                                      : "unknown datatype " + base::quote(name)) +
                        "; the datatypes are " + datatype_names());
}

base::Error too_many_inputs() {
  return {Code::kInvalidArgument,
          "a request may carry at most " + std::to_string(kInputsMax) + " inputs"};
}

base::Error too_many_outputs() {
  return {Code::kInvalidArgument,
          "a request may ask for at most " + std::to_string(kRequestedOutputsMax) + " outputs"};
}

}  // namespace penstock::wire
