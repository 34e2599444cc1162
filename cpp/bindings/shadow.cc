// SPDX-License-Identifier: Apache-2.0
#include "bindings/shadow.h"

#include <pybind11/stl.h>

#include <array>
#include <map>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/clock.h"

namespace penstock::bindings {
namespace {

namespace py = pybind11;
using serving::Shadow;
using serving::ShadowCounts;

using Named = std::map<std::string, std::uint64_t>;

// Those that are not 0, by the names of an enumeration.
template <class Word, std::size_t n>
Named named(const std::array<std::uint64_t, n>& counts) {
  Named told;
  for (std::size_t i = 0; i < n; ++i) {
    if (counts[i] > 0) told.emplace(name_of(static_cast<Word>(i)), counts[i]);
  }
  return told;
}

// column, is_missing, low, high, rows, agreed, disagreement_min
using SliceRow =
    std::tuple<std::string, bool, double, double, std::uint64_t, std::uint64_t, double>;

std::vector<SliceRow> slice_rows(const ShadowCounts& counts) {
  std::vector<SliceRow> rows;
  for (const serving::ShadowSlice& one : counts.worst) {
    rows.emplace_back(one.column, one.slice.is_missing, one.slice.low, one.slice.high,
                      one.slice.rows, one.slice.agreed, one.slice.disagreement_min);
  }
  return rows;
}

void bind_output(py::module_& module) {
  using judging::OutputAgreement;
  using serving::ShadowOutput;
  const auto field = [](auto OutputAgreement::*member) {
    return [member](const ShadowOutput& output) { return output.agreement.*member; };
  };
  py::class_<ShadowOutput>(module, "ShadowOutput")
      .def_readonly("name", &ShadowOutput::name)
      .def_property_readonly("pairs", field(&OutputAgreement::pairs))
      .def_property_readonly("agreed", field(&OutputAgreement::agreed))
      .def_property_readonly("elements", field(&OutputAgreement::elements))
      .def_property_readonly("identical", field(&OutputAgreement::identical))
      .def_property_readonly("within", field(&OutputAgreement::within))
      .def_property_readonly("mismatched",
                             [](const ShadowOutput& output) {
                               return named<judging::Mismatch>(output.agreement.mismatched);
                             })
      .def_property_readonly("absolute", field(&OutputAgreement::absolute))
      .def_property_readonly("relative", field(&OutputAgreement::relative))
      .def_property_readonly("ulps", field(&OutputAgreement::ulps))
      .def_property_readonly("argmax_rows", field(&OutputAgreement::argmax_rows))
      .def_property_readonly("argmax_agreed", field(&OutputAgreement::argmax_agreed))
      .def_property_readonly("flips",
                             [](const ShadowOutput& output) {
                               const std::size_t classes = output.agreement.classes;
                               std::vector<std::vector<std::uint64_t>> rows(classes);
                               for (std::size_t i = 0; i < classes; ++i) {
                                 const auto* const from =
                                     &output.agreement.flips[i * judging::kFlipClassesMax];
                                 rows[i].assign(from, from + classes);
                               }
                               return rows;
                             })
      .def_property_readonly("probability_rows", field(&OutputAgreement::probability_rows))
      .def_property_readonly("total_variation_sum", field(&OutputAgreement::total_variation_sum))
      .def_property_readonly("jensen_shannon_sum", field(&OutputAgreement::jensen_shannon_sum));
}

}  // namespace

serving::ShadowOptions shadow_options(const PlainShadowOptions& plain) {
  serving::ShadowOptions made;
  made.name = plain.name;
  made.model = plain.model;
  made.version = plain.version;
  made.tolerance = {.relative = plain.relative, .absolute = plain.absolute};
  made.examples = {.count = plain.examples,
                   .kept_ns = static_cast<base::Nanos>(plain.examples_kept_s *
                                                       static_cast<double>(base::kSecond))};
  made.sensitive = plain.sensitive;
  return made;
}

void bind_shadow(py::module_& traffic) {
  py::class_<PlainShadowOptions>(traffic, "ShadowOptions")
      .def(py::init<>())
      .def_readwrite("name", &PlainShadowOptions::name)
      .def_readwrite("model", &PlainShadowOptions::model)
      .def_readwrite("version", &PlainShadowOptions::version)
      .def_readwrite("relative", &PlainShadowOptions::relative)
      .def_readwrite("absolute", &PlainShadowOptions::absolute)
      .def_readwrite("examples", &PlainShadowOptions::examples)
      .def_readwrite("examples_kept_s", &PlainShadowOptions::examples_kept_s)
      .def_readwrite("sensitive", &PlainShadowOptions::sensitive);
  bind_output(traffic);
  py::class_<ShadowCounts>(traffic, "ShadowCounts")
      .def_readonly("offered", &ShadowCounts::offered)
      .def_property_readonly(
          "dropped",
          [](const ShadowCounts& counts) { return named<serving::ShadowDrop>(counts.dropped); })
      .def_readonly("compared", &ShadowCounts::compared)
      .def_readonly("agreed", &ShadowCounts::agreed)
      .def_property_readonly(
          "mismatched",
          [](const ShadowCounts& counts) { return named<judging::Mismatch>(counts.mismatched); })
      .def_readonly("discordant_shadow", &ShadowCounts::discordant_shadow)
      .def_readonly("discordant_primary", &ShadowCounts::discordant_primary)
      .def_readonly("both_failed", &ShadowCounts::both_failed)
      .def_readonly("latency_ratio", &ShadowCounts::latency_ratio)
      .def_readonly("outputs", &ShadowCounts::outputs)
      .def_property_readonly("worst", &slice_rows);
  py::class_<Shadow, std::shared_ptr<Shadow>>(traffic, "Shadow")
      .def("counts", &Shadow::counts, py::call_guard<py::gil_scoped_release>())
      .def("examples", [](Shadow& shadow) {
        std::vector<serving::ShadowExample> examples;
        {
          const py::gil_scoped_release unlocked;
          examples = shadow.examples(base::monotonic_now());
        }
        std::vector<std::tuple<std::int64_t, std::uint64_t, std::string>> told;
        for (serving::ShadowExample& one : examples) {
          told.emplace_back(one.wall_ms, one.key_hash, std::move(one.json));
        }
        return told;
      });
}

}  // namespace penstock::bindings
