// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "engine/options.h"
#include "model/executor.h"
#include "model/ort_runtime.h"
#include "serving/version.h"

namespace penstock::engine {

using Executors = std::vector<std::unique_ptr<model::Executor>>;

// A version that is warm and ready to be published, and what to tell about it.
struct Loaded {
  std::shared_ptr<serving::Version> version;
  LoadedModel model;
};

// The executors of `spec`, one or as many as are `given`; see load_version(). What they log goes to
// `log`, which outlives them, as `ort` does.
base::Result<Executors> make_executors(const ModelSpec& spec, Executors given,
                                       const model::OrtRuntime* ort, base::Log& log);

// Makes a version of `spec`. `given` are the executors of a backend that lives outside the core
// (Python: one per instance); `ort` is null where ONNX Runtime is not installed. Executors are
// made, answer the smoke request, are measured and warmed: what fails any of it is no version.
// Blocks for as long as all that takes.
std::expected<Loaded, LoadFailure> load_version(const ModelSpec& spec, Executors given,
                                                const model::OrtRuntime* ort, base::Log& log,
                                                const MetricsOptions& metrics,
                                                std::size_t io_threads,
                                                batching::Batcher::Deliver deliver);

}  // namespace penstock::engine
