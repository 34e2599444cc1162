// SPDX-License-Identifier: Apache-2.0
#include "bindings/drift.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <map>
#include <utility>

#include "bindings/errors.h"

namespace penstock::bindings {
namespace {

namespace py = pybind11;
using drift::ColumnSpec;
using drift::Counts;
using drift::Left;

ColumnSpec column_spec(std::string name, std::string tensor, bool is_output,
                       const std::string& reading) {
  const auto known = drift::reading_named(reading);
  if (!known) {
    raise({base::Code::kInvalidArgument,
           "column \"" + name + "\" cannot be watched: there is no reading \"" + reading + "\""});
  }
  return {.name = std::move(name),
          .tensor = std::move(tensor),
          .is_output = is_output,
          .reading = *known};
}

py::array_t<std::uint32_t> by_place(const std::vector<std::uint32_t>& counts) {
  return py::array_t<std::uint32_t>(static_cast<py::ssize_t>(counts.size()), counts.data());
}

template <class T, std::size_t n>
py::array_t<T> by_column(const std::vector<std::array<T, n>>& rows) {
  const std::vector<py::ssize_t> shape = {static_cast<py::ssize_t>(rows.size()),
                                          static_cast<py::ssize_t>(n)};
  return py::array_t<T>(shape, rows.empty() ? nullptr : rows.front().data());
}

py::array_t<float> sample_numbers(const Counts& counts) {
  const auto rows = static_cast<py::ssize_t>(counts.sample.rows);
  const auto columns = static_cast<py::ssize_t>(counts.moments.size());
  return py::array_t<float>(std::vector<py::ssize_t>{rows, columns}, counts.sample.numbers.data());
}

std::map<std::uint32_t, std::vector<py::bytes>> sample_texts(const Counts& counts) {
  std::map<std::uint32_t, std::vector<py::bytes>> told;
  for (const auto& [column, texts] : counts.sample.texts) {
    told.emplace(column, std::vector<py::bytes>(texts.begin(), texts.end()));
  }
  return told;
}

template <Left why>
std::uint64_t left_rows(const Counts& counts) {
  return counts.left[static_cast<std::size_t>(why)];
}

void bind_column(py::module_& module) {
  using Names = decltype(ColumnSpec::categories);
  py::class_<ColumnSpec>(module, "Column")
      .def(py::init(&column_spec), py::arg("name"), py::arg("tensor"), py::arg("is_output"),
           py::arg("reading"))
      .def_readwrite("element", &ColumnSpec::element)
      .def_readwrite("edges", &ColumnSpec::edges)
      .def_property("integers", nullptr,
                    [](ColumnSpec& column, std::vector<std::int64_t> names) {
                      column.categories = Names(std::move(names));
                    })
      .def_property("texts", nullptr,
                    [](ColumnSpec& column, std::vector<std::string> names) {
                      column.categories = Names(std::move(names));
                    })
      .def_readwrite("minimum", &ColumnSpec::minimum)
      .def_readwrite("maximum", &ColumnSpec::maximum)
      .def_readwrite("shift", &ColumnSpec::shift)
      .def_readwrite("is_sensitive", &ColumnSpec::is_sensitive);
}

void bind_counts(py::module_& module) {
  py::class_<Counts>(module, "Counts")
      .def_property_readonly("shown", [](const Counts& counts) { return by_place(counts.shown); })
      .def_property_readonly("tested", [](const Counts& counts) { return by_place(counts.tested); })
      .def_property_readonly("outside",
                             [](const Counts& counts) { return by_column(counts.outside); })
      .def_property_readonly("moments",
                             [](const Counts& counts) { return by_column(counts.moments); })
      .def_readonly("requests", &Counts::requests)
      .def_readonly("rows", &Counts::rows)
      .def_readonly("tested_rows", &Counts::tested_rows)
      .def_property_readonly("full_rows", left_rows<Left::kFull>)
      .def_property_readonly("large_rows", left_rows<Left::kLarge>)
      .def_property_readonly("replaced_rows", left_rows<Left::kReplaced>)
      .def_property_readonly("unsampled_rows", left_rows<Left::kUnsampled>)
      .def_readonly("repeated_rows", &Counts::repeated_rows)
      .def_readonly("capped_rows", &Counts::capped_rows)
      .def_readonly("unfit_rows", &Counts::unfit_rows)
      .def_property_readonly("sample_numbers", &sample_numbers)
      .def_property_readonly("sample_texts", &sample_texts)
      .def_property_readonly("sample_integers",
                             [](const Counts& counts) { return counts.sample.integers; });
}

}  // namespace

Counts PlainWatch::take(bool ends_tick) const {
  auto taken = [&] {
    const py::gil_scoped_release unlocked;
    return aggregator_->take(*watch_, ends_tick);
  }();
  return value_or_raise(std::move(taken));
}

PlainWatch Drift::open_watch(const std::string& model, std::int64_t version,
                             std::vector<ColumnSpec> columns, double share,
                             std::size_t sample_rows) const {
  auto watch = [&] {
    const py::gil_scoped_release unlocked;
    return engine_.open_watch(model, version, std::move(columns),
                              {.share = share, .sample_rows = sample_rows});
  }();
  return {engine_.drift(), value_or_raise(std::move(watch))};
}

void bind_drift(py::module_& module) {
  py::module_ drift = module.def_submodule("drift", "Rows of served versions, counted.");
  bind_column(drift);
  bind_counts(drift);
  py::class_<PlainWatch>(drift, "Watch")
      .def("take", &PlainWatch::take, py::arg("ends_tick"))
      .def("keep_sample", &PlainWatch::keep_sample, py::arg("rows"))
      .def_property_readonly("memory_bytes", &PlainWatch::memory_bytes);
  py::class_<Drift>(drift, "Drift")
      .def("open_watch", &Drift::open_watch, py::arg("model"), py::arg("version"),
           py::arg("columns"), py::arg("share"), py::arg("sample_rows"))
      .def_property_readonly("ring_bytes", &Drift::ring_bytes);
  drift.attr("ROW_BYTES_MAX") = drift::kRowBytesMax;
  drift.attr("COLUMNS_MAX") = drift::kColumnsMax;
}

}  // namespace penstock::bindings
