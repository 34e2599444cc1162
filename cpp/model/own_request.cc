// SPDX-License-Identifier: Apache-2.0
#include "model/own_request.h"

#include <algorithm>
#include <utility>

namespace penstock::model {
namespace {

using base::Code;
using base::dims_text;
using base::fail;
using base::Result;

bool fits(std::span<const std::int64_t> dims, std::span<const std::int64_t> wanted) {
  return std::ranges::equal(dims, wanted, [](std::int64_t has, std::int64_t wants) {
    return has >= 0 && (wants == -1 || has == wants);
  });
}

}  // namespace

Result<std::vector<base::Tensor>> own_inputs(
    const base::Signature& signature, std::span<const std::string> given,
    const std::function<Result<base::Tensor>(std::size_t given, const base::TensorSpec&)>& make) {
  for (const std::string& name : given) {
    if (std::ranges::find(signature.inputs, name, &base::TensorSpec::name) ==
        signature.inputs.end()) {
      return fail(Code::kInvalidArgument, "the model has no input '" + name + "'; its inputs are " +
                                              names_of(signature.inputs));
    }
  }
  std::vector<base::Tensor> made;
  for (const base::TensorSpec& spec : signature.inputs) {
    const auto found = std::ranges::find(given, spec.name);
    if (found == given.end()) {
      if (!spec.is_optional) {
        return fail(Code::kInvalidArgument, "input '" + spec.name + "' is missing");
      }
      made.push_back({.dtype = spec.dtype, .shape = {}, .bytes = {}, .is_present = false});
      continue;
    }
    auto tensor = make(static_cast<std::size_t>(found - given.begin()), spec);
    if (!tensor) {
      return fail(tensor.error().code, "input '" + spec.name + "': " + tensor.error().why);
    }
    made.push_back(*std::move(tensor));
  }
  return made;
}

Result<> check_fit(base::DType dtype, std::span<const std::int64_t> dims,
                   const base::TensorSpec& spec, bool batches) {
  if (dtype != spec.dtype) {
    return fail(Code::kInvalidArgument, "it is " + std::string(name_of(dtype)) +
                                            ", but the model wants " +
                                            std::string(name_of(spec.dtype)));
  }
  if (fits(dims, spec.dims)) return {};
  return fail(Code::kInvalidArgument, "its dims " + dims_text(dims) + " do not fit the model's " +
                                          dims_text(spec.dims) +
                                          (batches ? " (both leave the batch dimension out)" : ""));
}

std::string names_of(std::span<const base::TensorSpec> specs) {
  std::string text;
  for (const base::TensorSpec& spec : specs) {
    if (!text.empty()) text += ", ";
    text += "'" + spec.name + "'";
  }
  return text;
}

}  // namespace penstock::model
