// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "telemetry/model_metrics.h"
#include "telemetry/server_metrics.h"

namespace penstock::telemetry {

// The content-type that the page is served with.
inline constexpr std::string_view kExpositionContentType =
    "text/plain; version=0.0.4; charset=utf-8";

// One version's counts under its names. No two samples of a page have the same two names.
struct ModelSample {
  std::string_view model;
  std::string_view version;
  ModelCounts counts;
};

// The page of /metrics. What Triton counts has Triton's names (nv_*; its counters do not end in
// _total) and Triton's meaning; its proposed histograms likewise; all else is penstock_*.
std::string expose(const ServerCounts& server, std::span<const ModelSample> models);

}  // namespace penstock::telemetry
