// SPDX-License-Identifier: Apache-2.0
#include "serving/bind.h"

#include <algorithm>
#include <span>
#include <string>

#include "base/text.h"
#include "batching/shape.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::fail;
using base::TensorSpec;

std::string names_of(std::span<const TensorSpec> specs) {
  std::string text;
  for (const TensorSpec& spec : specs) {
    if (!text.empty()) text += ", ";
    text += base::quote(spec.name);
  }
  return text;
}

// As Triton quotes a name.
std::string named(std::string_view name) { return base::quote(name, '\''); }

std::string input_of_model(std::string_view input, std::string_view model) {
  return "input " + base::quote(input) + " of model " + base::quote(model);
}

bool fits(const base::Shape& shape, const TensorSpec& spec, bool batches) {
  const std::size_t lead = batches ? 1 : 0;
  if (shape.rank() != spec.dims.size() + lead) return false;
  for (std::size_t i = 0; i < spec.dims.size(); ++i) {
    if (spec.dims[i] >= 0 && spec.dims[i] != shape[i + lead]) return false;
  }
  return true;
}

// Begins as Triton's does, for clients look for it; then the rule that the shape breaks.
std::string unexpected_shape(const base::Shape& shape, const TensorSpec& spec,
                             std::int64_t rows_max, std::string_view model) {
  const std::string dims = base::dims_text(spec.dims);
  std::vector<std::int64_t> whole = spec.dims;
  if (rows_max > 0) whole.insert(whole.begin(), -1);
  std::string why = "unexpected shape for input " + named(spec.name) + " for model " +
                    named(model) + ". Expected " + base::dims_text(whole) + ", got " +
                    shape.text() + ". ";
  if (rows_max == 0) {
    why += "The model has max_batch_size 0, so its dims " + dims +
           " are the whole shape, without a batch dimension in front";
    return why + (shape.rank() == 0 || !fits(shape, spec, true) ? "" : "; leave that out");
  }
  why += "The model has max_batch_size " + std::to_string(rows_max) +
         ", so every shape has a first dimension, the number of rows (1 to " +
         std::to_string(rows_max) + "), in front of its dims " + dims;
  if (!fits(shape, spec, false)) return why;
  base::Shape one = {1};
  for (const std::int64_t dim : shape.dims()) one.push(dim);
  return why + "; send one row as " + one.text();
}

const wire::InferInput* find_input(const wire::InferRequest& request, const std::string& name,
                                   std::size_t likely) {
  if (likely < request.inputs.size() && request.inputs[likely].name == name) {
    return &request.inputs[likely];
  }
  const auto found = std::ranges::find(request.inputs, name, &wire::InferInput::name);
  return found == request.inputs.end() ? nullptr : &*found;
}

base::Result<> check_input(const wire::InferInput& input, const TensorSpec& spec,
                           const base::Signature& signature, std::string_view model,
                           std::int64_t& rows) {
  if (input.dtype != spec.dtype) {
    return fail(Code::kInvalidArgument, "inference input " + named(spec.name) + " data-type is " +
                                            named(name_of(input.dtype)) + ", but model " +
                                            named(model) + " expects " +
                                            named(name_of(spec.dtype)));
  }
  const std::int64_t rows_max = signature.batch_rows_max;
  if (!fits(input.shape, spec, rows_max > 0)) {
    return fail(Code::kInvalidArgument, unexpected_shape(input.shape, spec, rows_max, model));
  }
  if (rows_max == 0) return {};
  const std::int64_t brought = input.shape[0];
  if (rows == 0) rows = brought;
  if (brought != rows) {
    return fail(Code::kInvalidArgument,
                "input " + named(spec.name) + " batch size does not match other inputs for " +
                    named(model) +
                    ": every input of a request must have the same number of rows (first "
                    "dimension), this one has " +
                    std::to_string(brought) + ", another " + std::to_string(rows));
  }
  if (brought < 1) {
    return fail(Code::kInvalidArgument, input_of_model(spec.name, model) +
                                            ": at least one row is wanted, got shape " +
                                            input.shape.text());
  }
  if (brought > rows_max) {
    return fail(Code::kInvalidArgument,
                "inference request batch-size must be <= " + std::to_string(rows_max) + " for " +
                    named(model) + ": input " + base::quote(spec.name) + " has shape " +
                    input.shape.text() + ", which is " + std::to_string(brought) + " rows of " +
                    base::dims_text(spec.dims) + "; send them in parts");
  }
  return {};
}

base::Result<> bind_outputs(const wire::InferRequest& request, const base::Signature& signature,
                            std::string_view model, std::vector<std::uint32_t>& wanted) {
  wanted.clear();
  for (const wire::RequestedOutput& output : request.outputs) {
    const auto found = std::ranges::find(signature.outputs, output.name, &TensorSpec::name);
    if (found == signature.outputs.end()) {
      return fail(Code::kInvalidArgument, "unexpected inference output " + named(output.name) +
                                              " for model " + named(model) + "; its outputs are " +
                                              names_of(signature.outputs));
    }
    const auto index = static_cast<std::uint32_t>(found - signature.outputs.begin());
    if (std::ranges::find(wanted, index) != wanted.end()) {
      return fail(Code::kInvalidArgument,
                  "output " + base::quote(output.name) + " is asked for twice; name each once");
    }
    wanted.push_back(index);
  }
  return {};
}

// Only called when the counts differ or a name was not found, so off the common way.
base::Result<> refuse_unknown_input(const wire::InferRequest& request,
                                    const base::Signature& signature, std::string_view model) {
  for (const wire::InferInput& input : request.inputs) {
    const bool is_known = std::ranges::find(signature.inputs, input.name, &TensorSpec::name) !=
                          signature.inputs.end();
    if (!is_known) {
      return fail(Code::kInvalidArgument, "unexpected inference input " + named(input.name) +
                                              " for model " + named(model) + "; its inputs are " +
                                              names_of(signature.inputs));
    }
  }
  return {};
}

base::Result<> refuse_missing_input(const wire::InferRequest& request,
                                    const base::Signature& signature, std::string_view model,
                                    std::string_view missing) {
  const auto all = signature.inputs.size();
  const auto needed = static_cast<std::size_t>(
      std::ranges::count(signature.inputs, false, &TensorSpec::is_optional));
  const std::string wanted = needed == all
                                 ? "expected " + std::to_string(all) + " inputs"
                                 : "expected number of inputs between " + std::to_string(needed) +
                                       " and " + std::to_string(all);
  return fail(Code::kInvalidArgument,
              wanted + " but got " + std::to_string(request.inputs.size()) + " inputs for model " +
                  named(model) + ". Input " + base::quote(missing) +
                  " is missing; the model's inputs are " + names_of(signature.inputs));
}

}  // namespace

base::Result<> bind_request(const wire::InferRequest& request, const base::Signature& signature,
                            std::string_view model_name, batching::Ticket& ticket,
                            std::vector<std::uint32_t>& wanted_outputs) {
  ticket.inputs.clear();
  std::int64_t rows = 0;
  std::size_t used = 0;
  for (std::size_t i = 0; i < signature.inputs.size(); ++i) {
    const TensorSpec& spec = signature.inputs[i];
    const wire::InferInput* const input = find_input(request, spec.name, i);
    if (input == nullptr) {
      if (spec.is_optional) {
        ticket.inputs.push_back(
            {.dtype = spec.dtype, .shape = {}, .bytes = {}, .is_present = false});
        continue;
      }
      if (auto known = refuse_unknown_input(request, signature, model_name); !known) return known;
      return refuse_missing_input(request, signature, model_name, spec.name);
    }
    if (auto fine = check_input(*input, spec, signature, model_name, rows); !fine) return fine;
    ticket.inputs.push_back({.dtype = input->dtype, .shape = input->shape, .bytes = input->bytes});
    ++used;
  }
  if (used != request.inputs.size()) {
    return refuse_unknown_input(request, signature, model_name);
  }
  ticket.rows = rows == 0 ? 1 : rows;
  ticket.shape_key = batching::shape_key(ticket.inputs);
  wanted_outputs.clear();
  if (request.outputs.empty()) return {};
  return bind_outputs(request, signature, model_name, wanted_outputs);
}

}  // namespace penstock::serving
