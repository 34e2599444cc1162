// SPDX-License-Identifier: Apache-2.0
#include "bindings/local_model.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes_elements.h"
#include "base/check.h"
#include "base/log.h"
#include "bindings/arrays.h"
#include "bindings/errors.h"
#include "bindings/executor_call.h"
#include "bindings/options.h"
#include "bindings/python_executor.h"
#include "bindings/table_column.h"
#include "engine/loader.h"
#include "model/column_run.h"
#include "model/ort_runtime.h"
#include "model/reshape.h"
#include "model/smoke.h"

namespace penstock::bindings {
namespace {

namespace py = pybind11;
using base::Code;
using base::fail;

// Text as Arrow has it: offsets of 64 bits, one more than there are elements, and their bytes. The
// decoder, or the executor, has checked that the lengths add up.
py::tuple texts_of(const base::Tensor& tensor) {
  const auto count = static_cast<std::size_t>(tensor.shape.elements().value_or(0));
  const std::size_t prefixes = count * sizeof(base::BytesLength);
  PENSTOCK_CHECK(tensor.bytes.bytes.size() >= prefixes);
  base::Tensor offsets{
      .dtype = base::DType::kInt64, .shape = {static_cast<std::int64_t>(count + 1)}, .bytes = {}};
  offsets.bytes.owner = base::Buffer::allocate((count + 1) * sizeof(std::int64_t));
  base::Tensor texts{.dtype = base::DType::kUint8,
                     .shape = {static_cast<std::int64_t>(tensor.bytes.bytes.size() - prefixes)},
                     .bytes = {}};
  texts.bytes.owner = base::Buffer::allocate(tensor.bytes.bytes.size() - prefixes);
  {
    const py::gil_scoped_release unlocked;
    auto* const ends = reinterpret_cast<std::int64_t*>(offsets.bytes.owner.data());
    std::span<const std::byte> rest = tensor.bytes.bytes;
    std::int64_t end = ends[0] = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto element = base::take_bytes_element(rest);
      PENSTOCK_CHECK(element.has_value());
      if (!element->empty()) {
        std::memcpy(texts.bytes.owner.data() + end, element->data(), element->size());
      }
      end += static_cast<std::int64_t>(element->size());
      ends[i + 1] = end;
    }
  }
  offsets.bytes.bytes = offsets.bytes.owner.bytes();
  texts.bytes.bytes = texts.bytes.owner.bytes();
  return py::make_tuple(owned_array_of(offsets), owned_array_of(texts));
}

class LocalModel {
 public:
  LocalModel(const ModelSpec& spec, const std::string& library,
             const std::vector<std::string>& preload) {
    auto made = value_or_raise(model_spec(spec));
    engine::Executors given;
    if (spec.backend == "python" && !spec.worker) {
      const auto signature = value_or_raise(model::declared_signature(made.config));
      for (const py::object& execute : spec.python_executes) {
        given.push_back(std::make_unique<PythonExecutor>(execute, signature));
      }
    }
    log_ = value_or_raise(base::Log::open());
    auto done = [&]() -> base::Result<> {
      const py::gil_scoped_release unlocked;
      if (!library.empty()) {
        auto runtime = model::OrtRuntime::open({.library = library, .preloads = preload});
        if (!runtime) return std::unexpected(runtime.error());
        runtime_ = *std::move(runtime);
      }
      auto executors = engine::make_executors(made, std::move(given), runtime_.get(), *log_);
      if (!executors) return std::unexpected(executors.error());
      executors_ = *std::move(executors);
      auto found = model::find_reshaping(made.config, executors_.front()->signature());
      if (!found) return std::unexpected(found.error());
      reshaping_ = *std::move(found);
      for (const auto& executor : executors_) {
        if (!made.smoke) break;
        if (auto smoked = model::run_smoke(*made.smoke, reshaping_, *executor); !smoked) {
          return std::unexpected(smoked.error());
        }
      }
      return {};
    }();
    value_or_raise(std::move(done));
  }

  // What they run may take the interpreter's lock at its end.
  ~LocalModel() {
    const py::gil_scoped_release unlocked;
    executors_.clear();
  }
  LocalModel(const LocalModel&) = delete;
  LocalModel& operator=(const LocalModel&) = delete;

  std::vector<TensorSpec> inputs() const { return tensor_specs(signature().inputs); }
  std::vector<TensorSpec> outputs() const { return tensor_specs(signature().outputs); }
  std::int64_t batch_rows_max() const { return signature().batch_rows_max; }
  // Calls at a time; 0: any number.
  std::size_t instances() const {
    return executors_.front()->traits().is_thread_safe ? 0 : executors_.size();
  }

  // Whether run_columns() may be called.
  bool reads_columns() const {
    const model::Executor& executor = *executors_.front();
    return !reshaping_ && model::reads_columns(executor.signature(), executor.traits());
  }

  // Each output, and of each row that does not fit its number, the column's and why.
  py::tuple run_columns(std::size_t rows, const std::vector<const TableColumn*>& columns) {
    model::Executor& executor = *executors_.front();
    if (!reads_columns() || !has_room(executor.signature(), columns.size())) {
      raise({Code::kInvalidArgument,
             std::to_string(columns.size()) + " columns are not what the model's input is of"});
    }
    const std::vector<model::Column> views = columns_of(columns, rows);
    MisfitRows misfits(rows);
    std::vector<base::Tensor> outputs;
    auto bad = [&] {
      const py::gil_scoped_release unlocked;
      return model::run_columns(views, rows, misfits.views(), executor, outputs);
    }();
    const std::size_t count = value_or_raise(std::move(bad));
    py::list made;
    for (const base::Tensor& tensor : outputs) made.append(owned_array_of(tensor));
    return py::make_tuple(made, misfits.list(count));
  }

  // The caller's argument list keeps the arrays while the lock is not held.
  py::list run(std::int64_t rows, const std::vector<py::array>& arrays, std::size_t instance) {
    model::Executor& executor = *executors_[instance % executors_.size()];
    std::vector<base::Tensor> inputs = value_or_raise(inputs_of(signature(), rows, arrays));
    std::vector<base::Tensor> outputs;
    auto done = [&]() -> base::Result<> {
      const py::gil_scoped_release unlocked;
      return run_unlocked(executor, rows, inputs, outputs);
    }();
    value_or_raise(std::move(done));
    py::list made;
    for (const base::Tensor& tensor : outputs) {
      if (tensor.dtype == base::DType::kBytes) {
        made.append(py::make_tuple(shape_of(tensor), texts_of(tensor)));
      } else {
        made.append(owned_array_of(tensor));
      }
    }
    return made;
  }

 private:
  const base::Signature& signature() const {
    return reshaping_ ? reshaping_->signature : executors_.front()->signature();
  }

  // Whether a row of the only input has so many elements.
  static bool has_room(const base::Signature& signature, std::size_t columns) {
    base::Shape row;
    const auto& dims = signature.inputs.front().dims;
    for (std::size_t i = signature.batch_rows_max > 0 ? 0 : 1; i < dims.size(); ++i) {
      row.push(dims[i]);
    }
    const auto elements = row.elements();
    return elements && std::cmp_equal(*elements, columns);
  }

  static py::tuple shape_of(const base::Tensor& tensor) {
    py::list dims;
    for (const std::int64_t dim : tensor.shape.dims()) dims.append(dim);
    return py::tuple(dims);
  }

  base::Result<> run_unlocked(model::Executor& executor, std::int64_t rows,
                              std::vector<base::Tensor>& inputs,
                              std::vector<base::Tensor>& outputs) {
    if (!executor.traits().takes_unaligned) {
      for (base::Tensor& tensor : inputs) {
        if (auto done = align(tensor); !done) return done;
      }
    }
    const bool batches = signature().batch_rows_max > 0;
    if (reshaping_) model::reshape_inputs(*reshaping_, batches, inputs);
    std::vector<base::Answer> answers;
    auto done = executor.run(
        {.rows = rows, .inputs = inputs, .request_rows = {&rows, 1}, .answers = &answers}, outputs);
    if (!done) return done;
    if (!answers.empty()) {
      if (!answers.front()) return std::unexpected(answers.front().error());
      outputs = *std::move(answers.front());
    }
    return reshaping_ ? model::reshape_outputs(*reshaping_, batches, outputs) : base::Result<>{};
  }

  static base::Result<> align(base::Tensor& tensor) {
    const auto address = reinterpret_cast<std::uintptr_t>(tensor.bytes.bytes.data());
    if (address % base::kTensorAlignment == 0) return {};
    tensor.bytes.owner = base::Buffer::try_allocate(tensor.bytes.bytes.size());
    if (!tensor.bytes.owner && !tensor.bytes.bytes.empty()) {
      return fail(Code::kResourceExhausted, "no memory for a batch's inputs");
    }
    std::memcpy(tensor.bytes.owner.data(), tensor.bytes.bytes.data(), tensor.bytes.bytes.size());
    tensor.bytes.bytes = tensor.bytes.owner.bytes();
    return {};
  }

  std::unique_ptr<base::Log> log_;              // outlives the executors
  std::unique_ptr<model::OrtRuntime> runtime_;  // the same
  engine::Executors executors_;
  std::optional<model::Reshaping> reshaping_;
};

}  // namespace

void bind_local_model(py::module_& module) {
  py::class_<LocalModel>(module, "LocalModel")
      .def(py::init<const ModelSpec&, const std::string&, const std::vector<std::string>&>(),
           py::arg("spec"), py::arg("onnxruntime_library") = "",
           py::arg("preload_libraries") = std::vector<std::string>{})
      .def_property_readonly("inputs", &LocalModel::inputs)
      .def_property_readonly("outputs", &LocalModel::outputs)
      .def_property_readonly("batch_rows_max", &LocalModel::batch_rows_max)
      .def_property_readonly("instances", &LocalModel::instances)
      .def_property_readonly("reads_columns", &LocalModel::reads_columns)
      .def("run_columns", &LocalModel::run_columns, py::arg("rows"), py::arg("columns"))
      .def("run", &LocalModel::run, py::arg("rows"), py::arg("arrays"), py::arg("instance") = 0);
}

}  // namespace penstock::bindings
