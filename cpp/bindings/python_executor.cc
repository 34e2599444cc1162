// SPDX-License-Identifier: Apache-2.0
#include "bindings/python_executor.h"

#include <new>
#include <string>
#include <utility>

#include "bindings/arrays.h"
#include "bindings/errors.h"

namespace penstock::bindings {
namespace py = pybind11;

PythonExecutor::PythonExecutor(py::object execute, base::Signature signature)
    : execute_(std::move(execute)), signature_(std::move(signature)) {}

PythonExecutor::~PythonExecutor() {
  const py::gil_scoped_acquire lock;
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
  const py::object answer = execute_(inputs, request_rows);
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

}  // namespace penstock::bindings
