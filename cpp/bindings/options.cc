// SPDX-License-Identifier: Apache-2.0
#include "bindings/options.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "grpc/encoding.h"

namespace penstock::bindings {
namespace {

using base::Code;
using base::fail;
using base::Nanos;
using base::Result;

// What gRPC's frames and zlib can count.
constexpr std::size_t kMessageBytesMax = std::numeric_limits<std::uint32_t>::max();

bool is_port(std::optional<int> port) { return !port || (*port >= 0 && *port <= UINT16_MAX); }

// 0 means "no bound" wherever a duration is a bound.
Nanos bound_of(std::int64_t milliseconds) {
  return milliseconds == 0 ? base::kNever : milliseconds * base::kMillisecond;
}

Result<std::vector<model::ConfigTensor>> config_tensors(const std::vector<TensorSpec>& specs) {
  std::vector<model::ConfigTensor> tensors;
  for (const TensorSpec& spec : specs) {
    const auto dtype = base::dtype_named(spec.datatype);
    if (!dtype) {
      return fail(Code::kInvalidArgument,
                  "tensor '" + spec.name + "': '" + spec.datatype + "' is no V2 datatype");
    }
    tensors.push_back({.name = spec.name,
                       .dtype = dtype,
                       .dims = spec.dims,
                       .is_optional = spec.is_optional,
                       .reshape = spec.reshape});
  }
  return tensors;
}

Result<engine::LaneWish> lane_wish(const std::string& name) {
  if (name == "auto") return engine::LaneWish::kAuto;
  if (name == "inline") return engine::LaneWish::kInline;
  if (name == "batch") return engine::LaneWish::kBatch;
  return fail(Code::kInvalidArgument, "lane: one of auto, inline, batch is wanted, got " + name);
}

model::OrtOptions ort_options(const OrtOptions& options) {
  model::OrtOptions made;
  made.intra_op_threads = options.intra_op_threads;
  made.inter_op_threads = options.inter_op_threads;
  made.runs_parallel = options.is_parallel;
  made.graph_level = static_cast<model::ort::GraphLevel>(options.graph_level);
  for (const auto& [name, settings] : options.providers) {
    made.providers.push_back({.name = name, .settings = {settings.begin(), settings.end()}});
  }
  made.has_arena = options.has_arena;
  made.has_memory_plan = options.has_memory_plan;
  made.run_entries.assign(options.run_entries.begin(), options.run_entries.end());
  made.config_entries.assign(options.config_entries.begin(), options.config_entries.end());
  return made;
}

batching::QueueSettings queue_settings(const QueueOptions& options) {
  batching::QueueSettings made;
  made.tickets_max = options.tickets_max;
  made.default_timeout_ns = options.default_timeout_us * base::kMicrosecond;
  made.timeout_action =
      options.is_timeout_delay ? batching::TimeoutAction::kDelay : batching::TimeoutAction::kReject;
  made.allows_timeout = options.allows_timeout;
  made.policy.preferred_rows = options.preferred_batch_sizes;
  made.policy.delay_ns = options.delay_max_us * base::kMicrosecond;
  return made;
}

Result<model::Warmup> warmup(const Warmup& given) {
  model::Warmup made{.name = given.name, .rows = given.rows, .count = given.count, .inputs = {}};
  for (const WarmupInput& input : given.inputs) {
    const auto dtype = base::dtype_named(input.datatype);
    if (!dtype) {
      return fail(Code::kInvalidArgument, "warm-up '" + given.name + "', input '" + input.name +
                                              "': '" + input.datatype + "' is no V2 datatype");
    }
    const model::WarmupSource source = input.source == "zero"     ? model::WarmupSource::kZero
                                       : input.source == "random" ? model::WarmupSource::kRandom
                                                                  : model::WarmupSource::kBytes;
    made.inputs.push_back({.name = input.name,
                           .dtype = *dtype,
                           .dims = input.dims,
                           .source = source,
                           .bytes = input.bytes});
  }
  return made;
}

Result<std::vector<model::SmokeTensor>> smoke_tensors(const std::vector<SmokeTensor>& given) {
  std::vector<model::SmokeTensor> made;
  for (const SmokeTensor& one : given) {
    const auto dtype = base::dtype_named(one.datatype);
    if (!dtype) {
      return fail(Code::kInvalidArgument, "smoke request: '" + one.name + "' is of datatype '" +
                                              one.datatype + "', which is none of V2");
    }
    made.push_back({.name = one.name, .dtype = *dtype, .shape = one.shape, .bytes = one.bytes});
  }
  return made;
}

Result<model::Smoke> smoke_request(const Smoke& given) {
  auto inputs = smoke_tensors(given.inputs);
  if (!inputs) return std::unexpected(inputs.error());
  auto expected = smoke_tensors(given.expected);
  if (!expected) return std::unexpected(expected.error());
  return model::Smoke{
      .inputs = *std::move(inputs), .expected = *std::move(expected), .tolerance = given.tolerance};
}

model::WorkerOptions worker_options(const WorkerOptions& options) {
  return {.command = options.command,
          .document = options.document,
          .batch_ns_max = options.batch_ms_max * base::kMillisecond,
          .load_ns_max = options.load_ms_max * base::kMillisecond,
          .memory_bytes_max = options.memory_bytes_max,
          .shared_bytes_max = options.shared_bytes_max};
}

// Of each of the five durations, in the order of telemetry::Duration, or of none.
Result<> check_bounds(const std::vector<std::vector<std::int64_t>>& bounds_ns) {
  if (!bounds_ns.empty() && bounds_ns.size() != telemetry::kDurationCount) {
    return fail(Code::kInvalidArgument, "metric_bounds_ns: five lists are wanted, or none, got " +
                                            std::to_string(bounds_ns.size()));
  }
  for (const std::vector<std::int64_t>& bounds : bounds_ns) {
    const bool is_rising =
        std::ranges::adjacent_find(bounds, std::greater_equal<>()) == bounds.end();
    if (bounds.size() > telemetry::kExactBoundsMax || !is_rising) {
      return fail(Code::kInvalidArgument, "metric_bounds_ns: at most " +
                                              std::to_string(telemetry::kExactBoundsMax) +
                                              " rising bounds are wanted");
    }
  }
  return {};
}

// Null: empty, nothing is to match.
Result<std::shared_ptr<const base::NamePattern>> pattern_of(std::string_view flag,
                                                            const std::string& pattern) {
  if (pattern.empty()) return nullptr;
  auto made = base::NamePattern::make(pattern);
  if (!made) return fail(made.error().code, std::string(flag) + ": " + made.error().why);
  return std::make_shared<const base::NamePattern>(*std::move(made));
}

Result<serving::FrontOptions> front_options(const EngineOptions& options) {
  const auto level = grpc::compression_level_named(options.compression_level);
  if (!level) {
    return fail(Code::kInvalidArgument,
                "compression level: one of none, low, medium, high is wanted, got " +
                    options.compression_level);
  }
  auto grpc_forwarding = pattern_of("--grpc-header-forward-pattern", options.grpc_forward_pattern);
  if (!grpc_forwarding) return std::unexpected(grpc_forwarding.error());
  auto rest_forwarding = pattern_of("--http-header-forward-pattern", options.rest_forward_pattern);
  if (!rest_forwarding) return std::unexpected(rest_forwarding.error());
  return serving::FrontOptions{
      .message_bytes_max = std::min(options.message_bytes_max, kMessageBytesMax),
      .inflight_bytes_max = options.inflight_bytes_max,
      .rest_body_bytes_max = std::min(options.rest_body_bytes_max, kMessageBytesMax),
      .answer_compression = *level,
      .grpc_forwarding = *std::move(grpc_forwarding),
      .rest_forwarding = *std::move(rest_forwarding),
      // The rest of the time is for the connections to close behind them.
      .hosted_drain_ns = options.exit_timeout_ms * base::kMillisecond / 5 * 4};
}

}  // namespace

Result<engine::Options> engine_options(const EngineOptions& options) {
  const bool has_ports = is_port(options.grpc_port) && is_port(options.rest_port);
  if (options.io_threads == 0 || !has_ports) {
    return fail(Code::kInvalidArgument,
                "at least one io thread and ports of 0 to 65535 are wanted, got " +
                    std::to_string(options.io_threads) + " threads and " +
                    std::to_string(options.grpc_port.value_or(0)) + " and " +
                    std::to_string(options.rest_port.value_or(0)));
  }
  engine::Options made;
  made.io_threads = options.io_threads;
  if (options.grpc_port) {
    made.grpc = {.address = options.grpc_address,
                 .port = static_cast<std::uint16_t>(*options.grpc_port),
                 .is_port_shared = options.is_grpc_port_shared};
  }
  if (options.rest_port) {
    made.rest = {.address = options.rest_address,
                 .port = static_cast<std::uint16_t>(*options.rest_port),
                 .is_port_shared = options.is_rest_port_shared,
                 .port_flag = "--http-port",
                 .share_flag = "--reuse-http-port"};
  }
  // New connections go where there are fewest, so the threads fill up together.
  made.io.connections_max = (options.connections_max + options.io_threads - 1) / options.io_threads;
  made.io.http2.concurrent_streams_max = options.concurrent_streams_max;
  made.io.lifetime = {.keepalive_time_ns = bound_of(options.keepalive_time_ms),
                      .keepalive_timeout_ns = bound_of(options.keepalive_timeout_ms),
                      .keepalive_without_calls = options.keepalive_permit_without_calls,
                      .age_max_ns = bound_of(options.connection_age_max_ms),
                      .age_grace_ns = bound_of(options.connection_age_grace_ms),
                      .header_timeout_ns = bound_of(options.header_timeout_ms),
                      .stall_timeout_ns = bound_of(options.stall_timeout_ms),
                      .idle_timeout_ns = bound_of(options.rest_idle_timeout_ms)};
  auto front = front_options(options);
  if (!front) return std::unexpected(front.error());
  made.front = *std::move(front);
  made.hosted_calls_max = options.hosted_calls_max;
  made.identity = {.name = options.server_name,
                   .version = options.server_version,
                   .extensions = options.extensions};
  made.drain = {.delay_ns = options.drain_delay_ms * base::kMillisecond,
                .exit_timeout_ns = options.exit_timeout_ms * base::kMillisecond};
  made.metrics = {.exposition = {.has_counters = options.has_metric_counters,
                                 .has_histograms = options.has_metric_histograms,
                                 .has_summaries = !options.metric_quantiles.empty()},
                  .quantiles = options.metric_quantiles,
                  .machine = {.has_cpu = options.has_cpu_metrics,
                              .has_gpus = options.has_gpu_metrics,
                              .interval_ns = options.metrics_interval_ms * base::kMillisecond}};
  made.onnxruntime_library = options.onnxruntime_library;
  made.preload_libraries = options.preload_libraries;
  made.allows_client_shm = options.allow_client_shm;
  made.client_shm_regions_max = options.client_shm_regions_max;
  return made;
}

Result<engine::ModelSpec> model_spec(const ModelSpec& spec) {
  auto inputs = config_tensors(spec.inputs);
  if (!inputs) return std::unexpected(inputs.error());
  auto outputs = config_tensors(spec.outputs);
  if (!outputs) return std::unexpected(outputs.error());
  const auto lane = lane_wish(spec.lane);
  if (!lane) return std::unexpected(lane.error());
  if (spec.instance_count == 0) {
    return fail(Code::kInvalidArgument, "instance_count: at least 1 is wanted, got 0");
  }
  engine::ModelSpec made;
  made.name = spec.name;
  made.version = spec.version;
  made.platform = spec.platform;
  made.backend = spec.backend;
  made.model_path = spec.model_path;
  made.config = {.inputs = std::move(*inputs),
                 .outputs = std::move(*outputs),
                 .batch_rows_max = spec.batch_rows_max};
  made.batch_rows_default = spec.batch_rows_default;
  made.instance_count = spec.instance_count;
  made.lane = *lane;
  made.queue = queue_settings(spec.queue);
  made.ort = ort_options(spec.ort);
  made.notes.properties = spec.properties;
  for (const auto& [tensor, name, value] : spec.tensor_parameters) {
    made.notes.tensors.push_back({.tensor = tensor, .name = name, .value = value});
  }
  made.ort.log_id = spec.name;
  made.native_threads = spec.native_threads;
  if (spec.smoke) {
    auto converted = smoke_request(*spec.smoke);
    if (!converted) return std::unexpected(converted.error());
    made.smoke = *std::move(converted);
  }
  for (const Warmup& given : spec.warmups) {
    auto converted = warmup(given);
    if (!converted) return std::unexpected(converted.error());
    made.warmups.push_back(*std::move(converted));
  }
  made.labels = spec.labels;
  if (spec.worker) made.worker = worker_options(*spec.worker);
  made.metric_tags = spec.metric_tags;
  if (auto checked = check_bounds(spec.metric_bounds_ns); !checked) {
    return std::unexpected(checked.error());
  }
  std::ranges::copy(spec.metric_bounds_ns, made.metric_bounds_ns.begin());
  made.load_began_ns = spec.load_began_ns;
  return made;
}

std::vector<TensorSpec> tensor_specs(const std::vector<base::TensorSpec>& specs) {
  std::vector<TensorSpec> made;
  for (const base::TensorSpec& spec : specs) {
    made.push_back({.name = spec.name,
                    .datatype = std::string(name_of(spec.dtype)),
                    .dims = spec.dims,
                    .is_optional = spec.is_optional});
  }
  return made;
}

}  // namespace penstock::bindings
