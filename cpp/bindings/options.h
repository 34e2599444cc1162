// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/options.h"

// Options and model specifications as Python fills them in: flat, in plain types, in the units of
// _core.pyi; and how they become the core's own.
namespace penstock::bindings {

struct EngineOptions {
  std::string grpc_address = "0.0.0.0";
  std::optional<int> grpc_port = 8001;
  bool is_grpc_port_shared = false;
  std::string rest_address = "0.0.0.0";
  std::optional<int> rest_port;
  bool is_rest_port_shared = false;
  std::size_t rest_body_bytes_max = std::size_t{64} << 20;
  std::string grpc_forward_pattern;  // empty: no header is forwarded
  std::string rest_forward_pattern;
  std::int64_t rest_idle_timeout_ms = 600'000;
  std::size_t io_threads = 1;
  std::size_t message_bytes_max = std::size_t{64} << 20;
  std::size_t inflight_bytes_max = std::size_t{2} << 30;
  std::size_t connections_max = 20'000;
  std::uint32_t concurrent_streams_max = 1024;
  std::size_t hosted_calls_max = 4096;
  std::string compression_level = "none";
  std::int64_t keepalive_time_ms = 7'200'000;
  std::int64_t keepalive_timeout_ms = 20'000;
  bool keepalive_permit_without_calls = false;
  std::int64_t connection_age_max_ms = 0;
  std::int64_t connection_age_grace_ms = 0;
  std::int64_t header_timeout_ms = 0;
  std::int64_t stall_timeout_ms = 0;
  std::int64_t drain_delay_ms = 0;
  std::int64_t exit_timeout_ms = 30'000;
  std::string server_name = "triton";
  std::string server_version;
  std::vector<std::string> extensions;
  std::string onnxruntime_library;
  std::vector<std::string> preload_libraries;
  bool has_metric_counters = true;
  bool has_metric_histograms = true;
  std::vector<double> metric_quantiles;  // empty: no summaries
  bool has_cpu_metrics = true;
  bool has_gpu_metrics = true;
  std::int64_t metrics_interval_ms = 2000;
  bool allow_client_shm = false;
  std::size_t client_shm_regions_max = 1024;
};

struct TensorSpec {
  std::string name;
  std::string datatype;
  std::vector<std::int64_t> dims;
  bool is_optional = false;
  std::optional<std::vector<std::int64_t>> reshape{};
};

struct OrtOptions {
  int intra_op_threads = 1;
  int inter_op_threads = 1;
  bool is_parallel = false;
  int graph_level = 99;
  std::vector<std::pair<std::string, std::map<std::string, std::string>>> providers;
  bool has_arena = true;
  bool has_memory_plan = true;
  std::map<std::string, std::string> config_entries;
  std::map<std::string, std::string> run_entries;
};

struct QueueOptions {
  std::vector<std::int64_t> preferred_batch_sizes;
  std::int64_t delay_max_us = 0;
  std::size_t tickets_max = 0;
  std::int64_t default_timeout_us = 0;
  bool is_timeout_delay = false;
  bool allows_timeout = false;
};

struct WarmupInput {
  std::string name;
  std::string datatype;
  std::vector<std::int64_t> dims;
  std::string source;
  std::string bytes;
};

struct Warmup {
  std::string name;
  std::int64_t rows = 1;
  std::uint32_t count = 1;
  std::vector<WarmupInput> inputs;
};

struct SmokeTensor {
  std::string name;
  std::string datatype;
  std::vector<std::int64_t> shape;
  std::string bytes;
};

struct Smoke {
  std::vector<SmokeTensor> inputs;
  std::vector<SmokeTensor> expected;
  double tolerance = 0;
};

struct WorkerOptions {
  std::vector<std::string> command;
  std::string document;
  std::int64_t batch_ms_max = 0;
  std::int64_t load_ms_max = 0;
  std::size_t memory_bytes_max = 0;
  std::size_t shared_bytes_max = std::size_t{1} << 30;
};

struct ModelSpec {
  std::string name;
  std::int64_t version = 1;
  std::string platform;
  std::string backend;
  std::string model_path;
  std::optional<std::int64_t> batch_rows_max;
  std::int64_t batch_rows_default = model::kBatchRowsDefault;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::size_t instance_count = 1;
  std::string lane = "auto";
  QueueOptions queue;
  OrtOptions ort;
  std::size_t native_threads = 0;
  std::optional<Smoke> smoke;
  std::vector<Warmup> warmups;
  std::map<std::string, std::vector<std::string>> labels;
  std::vector<pybind11::object> python_executes;
  std::vector<std::pair<std::string, std::string>> properties;
  std::vector<std::tuple<std::string, std::string, std::string>> tensor_parameters;
  std::optional<WorkerOptions> worker;
  std::vector<std::pair<std::string, std::string>> metric_tags;
  std::vector<std::vector<std::int64_t>> metric_bounds_ns;
  std::int64_t load_began_ns = 0;
};

base::Result<engine::Options> engine_options(const EngineOptions& options);
// All but the Python instances.
base::Result<engine::ModelSpec> model_spec(const ModelSpec& spec);
std::vector<TensorSpec> tensor_specs(const std::vector<base::TensorSpec>& specs);

}  // namespace penstock::bindings
