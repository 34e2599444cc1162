// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "telemetry/machine.h"
#include "telemetry/model_metrics.h"
#include "telemetry/server_metrics.h"

namespace penstock::telemetry {

// The content-type that the page is served with.
inline constexpr std::string_view kExpositionContentType =
    "text/plain; version=0.0.4; charset=utf-8";

// Further labels of a version's samples: names that Prometheus takes, values of any kind.
using MetricTags = std::vector<std::pair<std::string, std::string>>;

// One version's counts under its names. No two samples of a page have the same two names.
struct ModelSample {
  std::string_view model;
  std::string_view version;
  ModelCounts counts = {};
  base::Nanos load_ns = 0;
  const MetricTags* tags = nullptr;
  PerDuration<std::vector<QuantileSample>> quantiles = {};  // empty: none are kept
};

// Which of the three forms in which durations are told.
struct ExpositionSettings {
  bool has_counters = true;
  bool has_histograms = true;
  bool has_summaries = false;
};

// The page of /metrics. What Triton counts has Triton's names (nv_*; its counters do not end in
// _total) and Triton's meaning; its proposed histograms likewise; all else is penstock_*.
std::string expose(const ServerCounts& server, std::span<const ModelSample> models,
                   const MachineSample& machine = {}, const ExpositionSettings& settings = {});

}  // namespace penstock::telemetry
