// SPDX-License-Identifier: Apache-2.0
#include "bindings/python_executor.h"

#include <pybind11/stl.h>

#include <new>
#include <string>
#include <utility>

#include "base/check.h"
#include "bindings/arrays.h"
#include "bindings/errors.h"

namespace penstock::bindings {
namespace py = pybind11;

PythonExecutor::PythonExecutor(py::object execute, base::Signature signature)
    : execute_(std::move(execute)),
      signature_(std::move(signature)),
      sees_requests_(py::getattr(execute_, "sees_requests", py::bool_(false)).cast<bool>()) {}

PythonExecutor::~PythonExecutor() {
  const py::gil_scoped_acquire lock;
  try {
    if (py::hasattr(execute_, "close")) execute_.attr("close")();
  } catch (py::error_already_set& raised) {
    raised.discard_as_unraisable("PythonExecutor");
  }
  execute_ = py::object();
}

base::Result<> PythonExecutor::run(const model::ExecutorBatch& batch,
                                   std::vector<base::Tensor>& outputs) {
  const py::gil_scoped_acquire lock;
  try {
    return call(batch, outputs);
  } catch (const py::error_already_set& raised) {
    return std::unexpected(error_of(raised));
  } catch (const std::bad_alloc&) {
    return base::fail(base::Code::kResourceExhausted, "no memory for the model's arrays");
  } catch (const std::exception& raised) {
    return base::fail(base::Code::kInternal, raised.what());
  }
}

base::Result<> PythonExecutor::call(const model::ExecutorBatch& batch,
                                    std::vector<base::Tensor>& outputs) {
  py::dict inputs;
  for (std::size_t i = 0; i < signature_.inputs.size(); ++i) {
    const base::Tensor& input = batch.inputs[i];
    inputs[py::str(signature_.inputs[i].name)] =
        input.is_present ? py::object(array_of(input)) : py::none();
  }
  py::list request_rows(batch.request_rows.size());
  for (std::size_t i = 0; i < batch.request_rows.size(); ++i) {
    request_rows[i] = py::int_(batch.request_rows[i]);
  }
  if (!sees_requests_) return take_outputs(execute_(inputs, request_rows), outputs);
  py::object facts = py::none();
  if (!batch.request_facts.empty()) {
    py::list told(batch.request_facts.size());
    for (std::size_t i = 0; i < batch.request_facts.size(); ++i) {
      told[i] = py::str(batch.request_facts[i].data(), batch.request_facts[i].size());
    }
    facts = std::move(told);
  }
  return take_answers(execute_(inputs, request_rows, facts), batch);
}

base::Result<> PythonExecutor::take_outputs(const py::object& answer,
                                            std::vector<base::Tensor>& outputs) const {
  if (!py::isinstance<py::dict>(answer)) {
    return base::fail(base::Code::kInternal, "the model returned no dict of outputs");
  }
  const auto arrays = py::reinterpret_borrow<py::dict>(answer);
  for (const base::TensorSpec& spec : signature_.outputs) {
    const py::str name(spec.name);
    if (!arrays.contains(name)) {
      return base::fail(base::Code::kInternal, "the model returned no output '" + spec.name + "'");
    }
    auto tensor = tensor_of(arrays[name], spec);
    if (!tensor) return std::unexpected(tensor.error());
    outputs.push_back(std::move(*tensor));
  }
  return {};
}

base::Result<> PythonExecutor::take_answers(const py::object& answer,
                                            const model::ExecutorBatch& batch) const {
  PENSTOCK_CHECK(batch.answers != nullptr);
  const std::size_t requests = batch.request_rows.size();
  if (!py::isinstance<py::list>(answer) || py::len(answer) != requests) {
    return base::fail(base::Code::kInternal,
                      "the model returned no list of " + std::to_string(requests) + " answers");
  }
  std::vector<base::Answer> answers;
  answers.reserve(requests);
  for (const py::handle given : py::reinterpret_borrow<py::list>(answer)) {
    answers.push_back(answer_of(given));
  }
  *batch.answers = std::move(answers);
  return {};
}

// A list with an array, or None, for each output; or a code and a sentence.
base::Answer PythonExecutor::answer_of(const py::handle& given) const {
  if (py::isinstance<py::tuple>(given)) {
    const auto [code, why] = given.cast<std::pair<int, std::string>>();
    return base::fail(base::failure_code(code), why);
  }
  const auto arrays = given.cast<py::list>();
  if (arrays.size() != signature_.outputs.size()) {
    return base::fail(base::Code::kInternal, "the model returned an answer of " +
                                                 std::to_string(arrays.size()) + " outputs");
  }
  std::vector<base::Tensor> tensors;
  tensors.reserve(arrays.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    if (arrays[i].is_none()) {
      tensors.push_back(
          {.dtype = signature_.outputs[i].dtype, .shape = {}, .bytes = {}, .is_present = false});
      continue;
    }
    auto tensor = tensor_of(arrays[i], signature_.outputs[i]);
    if (!tensor) return std::unexpected(std::move(tensor).error());
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

}  // namespace penstock::bindings
