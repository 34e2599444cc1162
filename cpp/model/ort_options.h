// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/ort_runtime.h"

namespace penstock::model {

// Keys and values in the order they were written.
using OrtSettings = std::vector<std::pair<std::string, std::string>>;

// An execution provider to try, by ONNX Runtime's name ("CUDAExecutionProvider") or that name's
// first part in any case ("cuda"), with the provider's own options.
struct OrtProvider {
  std::string name{};
  OrtSettings settings{};

  friend bool operator==(const OrtProvider&, const OrtProvider&) = default;
};

// How a session is made. The server runs requests in parallel by itself, so a session has one
// thread of its own unless the model's config says otherwise.
struct OrtOptions {
  std::vector<OrtProvider> providers{};  // in order of preference; the CPU's comes last by itself
  int intra_op_threads = 1;              // 0: one per core
  int inter_op_threads = 1;              // 0: one per core; matters if runs_parallel
  bool runs_parallel = false;            // nodes that do not depend on each other run at a time
  ort::GraphLevel graph_level = ort::kAllOptimizations;
  bool has_arena = true;         // keeps freed memory for the next run
  bool has_memory_plan = true;   // remembers a shape's allocations
  OrtSettings config_entries{};  // "session.…" and the like
  OrtSettings run_entries{};     // config entries of each run
  std::string log_id{};          // names the session in the library's log lines

  friend bool operator==(const OrtOptions&, const OrtOptions&) = default;
};

// Makes the library's own form. Fails when the library lacks a provider (the error lists those it
// has) or refuses an option.
base::Result<OrtSessionOptions> make_session_options(const OrtRuntime& runtime,
                                                     const OrtOptions& options);

}  // namespace penstock::model
