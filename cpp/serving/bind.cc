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

std::string input_of_model(std::string_view input, std::string_view model) {
  return "input " + base::quote(input) + " of model " + base::quote(model);
}

// The shape a request must bring, as metadata shows it.
std::string wanted_shape(const TensorSpec& spec, std::int64_t rows_max) {
  if (rows_max == 0) return base::dims_text(spec.dims);
  std::vector<std::int64_t> dims = {-1};
  dims.insert(dims.end(), spec.dims.begin(), spec.dims.end());
  return base::dims_text(dims) + " (-1 is any size; the first dimension is the batch's, 1 to " +
         std::to_string(rows_max) + ")";
}

bool fits(const base::Shape& shape, const TensorSpec& spec, bool batches) {
  const std::size_t lead = batches ? 1 : 0;
  if (shape.rank() != spec.dims.size() + lead) return false;
  for (std::size_t i = 0; i < spec.dims.size(); ++i) {
    if (spec.dims[i] >= 0 && spec.dims[i] != shape[i + lead]) return false;
  }
  return true;
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
    return fail(Code::kInvalidArgument, input_of_model(spec.name, model) + ": datatype " +
                                            std::string(name_of(spec.dtype)) + " is wanted, got " +
                                            std::string(name_of(input.dtype)));
  }
  const std::int64_t rows_max = signature.batch_rows_max;
  if (!fits(input.shape, spec, rows_max > 0)) {
    return fail(Code::kInvalidArgument, input_of_model(spec.name, model) + ": shape " +
                                            wanted_shape(spec, rows_max) + " is wanted, got " +
                                            input.shape.text());
  }
  if (rows_max == 0) return {};
  const std::int64_t brought = input.shape[0];
  if (rows == 0) rows = brought;
  if (brought != rows) {
    return fail(Code::kInvalidArgument, input_of_model(spec.name, model) +
                                            ": every input of a request must have the same " +
                                            "number of rows (first dimension), this one has " +
                                            std::to_string(brought) + ", another " +
                                            std::to_string(rows));
  }
  if (brought < 1) {
    return fail(Code::kInvalidArgument, input_of_model(spec.name, model) +
                                            ": at least one row is wanted, got shape " +
                                            input.shape.text());
  }
  if (brought > rows_max) {
    return fail(Code::kInvalidArgument, "model " + base::quote(model) + " takes at most " +
                                            std::to_string(rows_max) +
                                            " rows in one request (its max_batch_size), got " +
                                            std::to_string(brought) + "; send them in parts");
  }
  return {};
}

base::Result<> bind_outputs(const wire::InferRequest& request, const base::Signature& signature,
                            std::string_view model, std::vector<std::uint32_t>& wanted) {
  wanted.clear();
  for (const wire::RequestedOutput& output : request.outputs) {
    const auto found = std::ranges::find(signature.outputs, output.name, &TensorSpec::name);
    if (found == signature.outputs.end()) {
      return fail(Code::kInvalidArgument, "model " + base::quote(model) + " has no output " +
                                              base::quote(output.name) + "; its outputs are " +
                                              names_of(signature.outputs));
    }
    const auto index = static_cast<std::uint32_t>(found - signature.outputs.begin());
    if (std::ranges::find(wanted, index) != wanted.end()) {
      return fail(Code::kInvalidArgument,
                  "output " + base::quote(output.name) + " is asked for twice; name each once");
    }
    for (const wire::Parameter& parameter : request.parameters_of(output.parameters)) {
      if (parameter.name == "classification") {
        return fail(Code::kUnimplemented, "output " + base::quote(output.name) +
                                              ": the parameter " + base::quote(parameter.name) +
                                              " is not served by this version");
      }
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
      return fail(Code::kInvalidArgument, "model " + base::quote(model) + " has no input " +
                                              base::quote(input.name) + "; its inputs are " +
                                              names_of(signature.inputs));
    }
  }
  return {};
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
      return fail(Code::kInvalidArgument, input_of_model(spec.name, model_name) +
                                              " is missing; the model's inputs are " +
                                              names_of(signature.inputs));
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
