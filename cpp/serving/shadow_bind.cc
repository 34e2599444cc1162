// SPDX-License-Identifier: Apache-2.0
#include "serving/shadow_bind.h"

#include <algorithm>
#include <vector>

#include "batching/shape.h"
#include "model/reshape.h"

namespace penstock::serving {
namespace {

bool fits(const base::Tensor& input, const base::TensorSpec& spec, std::int64_t rows,
          std::int64_t rows_max) {
  const std::size_t lead = rows_max > 0 ? 1 : 0;
  const base::Shape& shape = input.shape;
  if (input.dtype != spec.dtype || shape.rank() != spec.dims.size() + lead) return false;
  if (lead == 1 && (shape[0] != rows || rows > rows_max)) return false;
  for (std::size_t i = 0; i < spec.dims.size(); ++i) {
    if (spec.dims[i] >= 0 && spec.dims[i] != shape[i + lead]) return false;
  }
  return true;
}

// Both versions nearly always name their inputs in the same order.
const base::Tensor* find_input(const Mirror& mirror, const std::string& name, std::size_t likely) {
  const std::vector<base::TensorSpec>& specs = mirror.signature->inputs;
  std::size_t at = likely;
  if (likely >= specs.size() || specs[likely].name != name) {
    const auto found = std::ranges::find(specs, name, &base::TensorSpec::name);
    at = static_cast<std::size_t>(found - specs.begin());
  }
  if (at >= mirror.inputs.size() || !mirror.inputs[at].is_present) return nullptr;
  return &mirror.inputs[at];
}

}  // namespace

bool bind_mirror(const Mirror& mirror, const Version& shadow, batching::Ticket& ticket) {
  const base::Signature& signature = shadow.signature();
  const std::int64_t rows_max = signature.batch_rows_max;
  ticket.inputs.clear();
  for (std::size_t i = 0; i < signature.inputs.size(); ++i) {
    const base::TensorSpec& spec = signature.inputs[i];
    const base::Tensor* const input = find_input(mirror, spec.name, i);
    if (input != nullptr && fits(*input, spec, mirror.rows, rows_max)) {
      ticket.inputs.push_back(*input);
    } else if (input == nullptr && spec.is_optional) {
      ticket.inputs.push_back({.dtype = spec.dtype, .shape = {}, .bytes = {}, .is_present = false});
    } else {
      return false;
    }
  }
  ticket.rows = rows_max > 0 ? mirror.rows : 1;
  if (shadow.reshaping()) {
    model::reshape_inputs(*shadow.reshaping(), rows_max > 0, ticket.inputs);
  }
  ticket.shape_key = batching::shape_key(ticket.inputs);
  ticket.facts.clear();
  if (shadow.sees_requests()) ticket.facts = mirror.facts;
  return true;
}

}  // namespace penstock::serving
