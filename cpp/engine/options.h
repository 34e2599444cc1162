// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "batching/queue.h"
#include "engine/machine_gauge.h"
#include "model/executor.h"
#include "model/ort_options.h"
#include "model/signature.h"
#include "model/smoke.h"
#include "model/warmup.h"
#include "model/worker_process.h"
#include "net/acceptor.h"
#include "net/io_thread.h"
#include "serving/server_state.h"
#include "serving/version.h"
#include "telemetry/exposition.h"
#include "telemetry/request_detail.h"
#include "wire/v2_messages.h"

namespace penstock::engine {

// How a drain goes. Durations.
struct DrainOptions {
  base::Nanos delay_ns = 0;                          // unready, but still taking connections
  base::Nanos exit_timeout_ns = 30 * base::kSecond;  // from the drain's begin to the process's end
};

// What the page of metrics tells.
struct MetricsOptions {
  telemetry::ExpositionSettings exposition = {};
  std::vector<double> quantiles = {};  // of the summaries, if there are any
  MachineGauge::Settings machine = {};
};

struct Options {
  std::size_t io_threads = 1;
  // At least one of them: where gRPC and where REST is listened for.
  std::optional<net::ListenOptions> grpc;
  std::optional<net::ListenOptions> rest;
  net::IoOptions io;
  serving::FrontOptions front;
  std::size_t hosted_calls_max = 4096;  // open at a time
  serving::ServerIdentity identity;
  DrainOptions drain;
  MetricsOptions metrics;
  bool allows_client_shm = false;
  std::size_t client_shm_regions_max = 1024;
  std::string onnxruntime_library;             // empty: that backend does not exist here
  std::vector<std::string> preload_libraries;  // opened before it
};

// Which lane a model asks for.
enum class LaneWish : std::uint8_t {
  kAuto,  // inline if a row costs little enough, measured at load
  kInline,
  kBatch,
};

// Everything needed to load one version.
struct ModelSpec {
  std::string name;
  std::int64_t version = 1;
  std::string platform;
  std::string backend;  // "onnxruntime", "identity" or "python"
  std::string model_path = {};
  model::ConfigSignature config = {};
  std::int64_t batch_rows_default = model::kBatchRowsDefault;
  std::size_t instance_count = 1;
  LaneWish lane = LaneWish::kAuto;
  batching::QueueSettings queue = {};
  model::OrtOptions ort = {};
  std::size_t native_threads = 0;  // that compute a batch of backend "native"; 0: as many as pay
  std::optional<model::Smoke> smoke = std::nullopt;
  std::vector<model::Warmup> warmups = {};                      // in order
  std::map<std::string, std::vector<std::string>> labels = {};  // of outputs' classes, by output
  wire::ModelNotes notes = {};
  // Of a Python model that runs in processes of its own.
  std::optional<model::WorkerOptions> worker = std::nullopt;
  telemetry::MetricTags metric_tags = {};
  // Of its histograms of durations; empty: powers of two.
  telemetry::PerDuration<std::vector<base::Nanos>> metric_bounds_ns = {};
  // On the monotonic clock, where loading began before it came here; 0: it did not.
  base::Nanos load_began_ns = 0;
};

// How far a load came.
enum class LoadStage : std::uint8_t {
  kModel,   // to make the executors, or to publish them
  kSmoke,   // to the request whose answer is known
  kWarmup,  // to the requests before service
};

// The name of a stage after the model was made: "smoke" or "warmup"; empty before.
std::string_view name_of(LoadStage stage);

// Why a load failed, and where it was then.
struct LoadFailure : base::Error {
  LoadFailure(base::Error error, LoadStage at = LoadStage::kModel)
      : base::Error(std::move(error)), stage(at) {}

  LoadStage stage;
};

// What became of it.
struct LoadedModel {
  base::Signature signature;
  serving::Lane lane = serving::Lane::kBatch;
  std::optional<base::Nanos> row_cost_ns = std::nullopt;
};

}  // namespace penstock::engine
