// SPDX-License-Identifier: Apache-2.0
#include "bindings/unserved.h"

#include <pybind11/stl.h>

#include <utility>

#include "bindings/errors.h"

namespace penstock::bindings {
namespace {

namespace py = pybind11;

LoadedModel told_of(const engine::Loaded& loaded) {
  const engine::LoadedModel& model = loaded.model;
  LoadedModel told{.name = loaded.version->name(),
                   .version = loaded.version->number(),
                   .inputs = tensor_specs(model.signature.inputs),
                   .outputs = tensor_specs(model.signature.outputs),
                   .batch_rows_max = model.signature.batch_rows_max,
                   .lane = model.lane == serving::Lane::kInline ? "inline" : "batch",
                   .row_cost_us = {}};
  if (model.row_cost_ns) told.row_cost_us = static_cast<double>(*model.row_cost_ns) / 1e3;
  return told;
}

base::Error served_already() {
  return {base::Code::kFailedPrecondition, "the version is served already"};
}

}  // namespace

Unserved::Unserved(engine::Engine& engine, engine::Loaded loaded)
    : engine_(engine), loaded_(std::move(loaded)), told_(told_of(*loaded_)) {}

// Its instance threads may need the interpreter's lock to come to an end.
Unserved::~Unserved() {
  if (!loaded_) return;
  const py::gil_scoped_release unlocked;
  loaded_.reset();
}

PlainWatch Unserved::open_watch(std::vector<drift::ColumnSpec> columns, double share,
                                std::size_t sample_rows) const {
  if (!loaded_) raise(served_already());
  auto watch = [&] {
    const py::gil_scoped_release unlocked;
    return engine_.open_watch(*loaded_->version, std::move(columns),
                              {.share = share, .sample_rows = sample_rows});
  }();
  return {engine_.drift(), value_or_raise(std::move(watch))};
}

void Unserved::serve() {
  if (!loaded_) raise(served_already());
  auto served = [&] {
    const py::gil_scoped_release unlocked;
    return engine_.serve(*std::exchange(loaded_, std::nullopt));
  }();
  value_or_raise(std::move(served));
}

void bind_unserved(py::module_& module) {
  py::module_ loading = module.def_submodule("loading", "Versions that are not served yet.");
  py::class_<LoadedModel>(loading, "LoadedModel")
      .def_readonly("name", &LoadedModel::name)
      .def_readonly("version", &LoadedModel::version)
      .def_readonly("inputs", &LoadedModel::inputs)
      .def_readonly("outputs", &LoadedModel::outputs)
      .def_readonly("batch_rows_max", &LoadedModel::batch_rows_max)
      .def_readonly("lane", &LoadedModel::lane)
      .def_readonly("row_cost_us", &LoadedModel::row_cost_us);
  py::class_<Unserved>(loading, "UnservedVersion")
      .def_property_readonly("loaded", &Unserved::told)
      .def("open_watch", &Unserved::open_watch, py::arg("columns"), py::arg("share"),
           py::arg("sample_rows"))
      .def("serve", &Unserved::serve);
}

}  // namespace penstock::bindings
