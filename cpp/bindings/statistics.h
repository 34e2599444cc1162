// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/engine.h"

// What a version has counted, as Python reads it: plain numbers.
namespace penstock::bindings {

// How often, and nanoseconds together.
using CountedTime = std::pair<std::uint64_t, std::uint64_t>;

struct VersionStatistics {
  std::string model;
  std::int64_t version = 0;
  std::uint64_t last_inference_ms = 0;
  std::uint64_t inference_count = 0;
  std::uint64_t execution_count = 0;
  CountedTime success;
  CountedTime fail;
  CountedTime queue;
  CountedTime compute_input;
  CountedTime compute_infer;
  CountedTime compute_output;
  // rows, executions, nanoseconds of input, of inference, of output
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t>>
      batch_sizes;
};

std::vector<VersionStatistics> plain_statistics(const std::vector<engine::VersionStatistics>& told);
void bind_statistics(pybind11::module_& module);

}  // namespace penstock::bindings
