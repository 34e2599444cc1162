// SPDX-License-Identifier: Apache-2.0
#include "bindings/native_model.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "bindings/arrays.h"
#include "bindings/errors.h"
#include "bindings/executor_call.h"
#include "bindings/options.h"
#include "model/artifact.h"
#include "model/native_executor.h"
#include "model/native_step.h"
#include "model/ort_runtime.h"

namespace penstock::bindings {
namespace {

namespace py = pybind11;

// An executor that any Python thread may run, each at the same time as the others.
class NativeModel {
 public:
  // ONNX Runtime is opened only for a model of which a part did not compile.
  NativeModel(const std::string& path, const std::string& onnxruntime_library,
              std::size_t threads) {
    auto made = [&]() -> base::Result<std::unique_ptr<model::NativeExecutor>> {
      const py::gil_scoped_release unlocked;
      const auto artifact = model::open_artifact(path);
      if (!artifact) return std::unexpected(artifact.error());
      if (!onnxruntime_library.empty() && model::needs_onnxruntime(*artifact)) {
        auto runtime = model::OrtRuntime::open({.library = onnxruntime_library});
        if (!runtime) return std::unexpected(runtime.error());
        runtime_ = *std::move(runtime);
      }
      return model::NativeExecutor::make(*artifact, {}, runtime_.get(),
                                         std::numeric_limits<std::int64_t>::max(), threads);
    }();
    executor_ = value_or_raise(std::move(made));
  }

  std::vector<TensorSpec> inputs() const { return tensor_specs(executor_->signature().inputs); }
  std::vector<TensorSpec> outputs() const { return tensor_specs(executor_->signature().outputs); }

  // The arrays stay where they are while the interpreter's lock is not held: the caller's argument
  // list keeps them. Who writes to one meanwhile gets answers of both, and nothing worse.
  std::vector<py::array> run(std::int64_t rows, const std::vector<py::array>& arrays) const {
    std::vector<base::Tensor> inputs =
        value_or_raise(inputs_of(executor_->signature(), rows, arrays));
    std::vector<base::Tensor> outputs;
    auto done = [&] {
      const py::gil_scoped_release unlocked;
      return executor_->run({.rows = rows, .inputs = inputs, .request_rows = {&rows, 1}}, outputs);
    }();
    value_or_raise(std::move(done));
    std::vector<py::array> made;
    made.reserve(outputs.size());
    for (const base::Tensor& tensor : outputs) made.push_back(owned_array_of(tensor));
    return made;
  }

  // Nanoseconds of a call: the least of trials of about half a millisecond each, until `seconds`
  // have gone by. Whatever else the machine does makes a trial longer, and none shorter.
  double least_ns(std::int64_t rows, const std::vector<py::array>& arrays, double seconds) const {
    const std::vector<base::Tensor> inputs =
        value_or_raise(inputs_of(executor_->signature(), rows, arrays));
    auto least = [&]() -> base::Result<double> {
      const py::gil_scoped_release unlocked;
      std::vector<base::Tensor> outputs;
      const base::Nanos end = base::monotonic_now() + static_cast<base::Nanos>(seconds * 1e9);
      constexpr base::Nanos kTrialNs = 500'000;
      double best = std::numeric_limits<double>::infinity();
      for (std::int64_t calls = 1;;) {
        const base::Nanos began = base::monotonic_now();
        for (std::int64_t i = 0; i < calls; ++i) {
          auto done =
              executor_->run({.rows = rows, .inputs = inputs, .request_rows = {&rows, 1}}, outputs);
          if (!done) return std::unexpected(done.error());
        }
        const base::Nanos now = base::monotonic_now();
        if (now - began < kTrialNs / 2 && now < end) {
          calls *= 2;
          continue;
        }
        best = std::min(best, static_cast<double>(now - began) / static_cast<double>(calls));
        if (now >= end) return best;
      }
    }();
    return value_or_raise(std::move(least));
  }

 private:
  std::unique_ptr<model::OrtRuntime> runtime_;  // outlives the executor
  std::unique_ptr<model::NativeExecutor> executor_;
};

}  // namespace

void bind_native_model(py::module_& module) {
  py::class_<NativeModel>(module, "NativeModel")
      .def(py::init<const std::string&, const std::string&, std::size_t>(), py::arg("path"),
           py::arg("onnxruntime_library") = "", py::arg("threads") = 0)
      .def_property_readonly("inputs", &NativeModel::inputs)
      .def_property_readonly("outputs", &NativeModel::outputs)
      .def("run", &NativeModel::run, py::arg("rows"), py::arg("arrays"))
      .def("least_ns", &NativeModel::least_ns, py::arg("rows"), py::arg("arrays"),
           py::arg("seconds"));
}

}  // namespace penstock::bindings
