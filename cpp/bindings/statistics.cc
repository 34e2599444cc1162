// SPDX-License-Identifier: Apache-2.0
#include "bindings/statistics.h"

#include <pybind11/stl.h>

#include <numeric>

namespace penstock::bindings {
namespace {

VersionStatistics plain(const engine::VersionStatistics& told) {
  const telemetry::ModelCounts& counts = told.counts;
  const std::uint64_t failures =
      std::accumulate(counts.failures.begin(), counts.failures.end(), std::uint64_t{0});
  const auto of_success = [&counts](const telemetry::DurationCounts& durations) {
    return CountedTime{counts.success, durations.sum};
  };
  VersionStatistics made{.model = told.model,
                         .version = told.version,
                         .last_inference_ms = counts.last_inference_ms,
                         .inference_count = counts.inferences,
                         .execution_count = counts.batches,
                         .success = of_success(counts.request),
                         .fail = {failures, counts.failed_ns},
                         .queue = of_success(counts.queue),
                         .compute_input = of_success(counts.compute_input),
                         .compute_infer = of_success(counts.compute_infer),
                         .compute_output = of_success(counts.compute_output),
                         .batch_sizes = {}};
  for (const auto& [rows, size] : told.batch_sizes) {
    made.batch_sizes.emplace_back(rows, size.count, size.compute_input_ns, size.compute_infer_ns,
                                  size.compute_output_ns);
  }
  return made;
}

}  // namespace

std::vector<VersionStatistics> plain_statistics(
    const std::vector<engine::VersionStatistics>& told) {
  std::vector<VersionStatistics> made;
  made.reserve(told.size());
  for (const engine::VersionStatistics& version : told) made.push_back(plain(version));
  return made;
}

void bind_statistics(pybind11::module_& module) {
  pybind11::class_<VersionStatistics>(module, "VersionStatistics")
      .def_readonly("model", &VersionStatistics::model)
      .def_readonly("version", &VersionStatistics::version)
      .def_readonly("last_inference_ms", &VersionStatistics::last_inference_ms)
      .def_readonly("inference_count", &VersionStatistics::inference_count)
      .def_readonly("execution_count", &VersionStatistics::execution_count)
      .def_readonly("success", &VersionStatistics::success)
      .def_readonly("fail", &VersionStatistics::fail)
      .def_readonly("queue", &VersionStatistics::queue)
      .def_readonly("compute_input", &VersionStatistics::compute_input)
      .def_readonly("compute_infer", &VersionStatistics::compute_infer)
      .def_readonly("compute_output", &VersionStatistics::compute_output)
      .def_readonly("batch_sizes", &VersionStatistics::batch_sizes);
}

}  // namespace penstock::bindings
