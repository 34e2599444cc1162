// SPDX-License-Identifier: Apache-2.0
// The extension module penstock._core. What each name means stands in server/penstock/_core/.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/control_bridge.h"
#include "bindings/drift.h"
#include "bindings/errors.h"
#include "bindings/local_model.h"
#include "bindings/native_model.h"
#include "bindings/options.h"
#include "bindings/python_executor.h"
#include "bindings/statistics.h"
#include "bindings/table_columns.h"
#include "bindings/traffic.h"
#include "bindings/unserved.h"
#include "engine/drain.h"
#include "engine/engine.h"
#include "model/signature.h"

namespace penstock::bindings {
namespace {

namespace py = pybind11;
using Unlocked = py::call_guard<py::gil_scoped_release>;

template <class Do>
auto unlocked(Do&& work) {
  const py::gil_scoped_release release;
  return work();
}

// The engine with its drain, which must go first. Calls that wait do so without the interpreter's
// lock, for instance threads may need it to come to an end.
class Server {
 public:
  explicit Server(const EngineOptions& options) {
    auto made = value_or_raise(engine_options(options));
    const py::gil_scoped_release unlocked;
    auto engine = engine::Engine::open(std::move(made));
    if (engine) {
      engine_ = std::move(*engine);
      auto drain = engine::Drain::open(*engine_);
      if (drain) {
        drain_ = std::move(*drain);
        bridge_ = std::make_unique<ControlBridge>(engine_->bridge());
        return;
      }
      engine = std::unexpected(drain.error());
    }
    const py::gil_scoped_acquire locked;
    raise(engine.error());
  }

  ~Server() {
    const py::gil_scoped_release unlocked;
    drain_.reset();
    bridge_.reset();
    engine_.reset();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start() {
    value_or_raise(unlocked([&] { return engine_->start(); }));
  }
  int grpc_port() const { return engine_->grpc_port(); }
  int rest_port() const { return engine_->rest_port(); }

  std::unique_ptr<Unserved> prepare(const ModelSpec& spec) {
    auto made = value_or_raise(model_spec(spec));
    engine::Executors given;
    if (spec.backend == "python" && !spec.worker) {
      // The core has no file of such a model to read a signature from.
      const auto signature = value_or_raise(model::declared_signature(made.config));
      for (const py::object& execute : spec.python_executes) {
        given.push_back(std::make_unique<PythonExecutor>(execute, signature));
      }
      made.instance_count = given.size();
    }
    auto outcome = unlocked([&] { return engine_->prepare(made, std::move(given)); });
    if (!outcome) raise(outcome.error(), name_of(outcome.error().stage));
    return std::make_unique<Unserved>(*engine_, *std::move(outcome));
  }

  void set_failed(const std::string& name, std::int64_t version, std::string reason) {
    engine_->set_failed(name, version, std::move(reason));
  }
  void unload(const std::string& name, std::int64_t version) {
    value_or_raise(unlocked([&] { return engine_->unload(name, version); }));
  }
  void set_asleep(const std::string& name, std::int64_t version, const std::string& refusal) {
    value_or_raise(unlocked([&] { return engine_->set_asleep(name, version, refusal); }));
  }
  int wakes_fd() const { return engine_->wakes().fd(); }
  std::vector<std::pair<std::string, std::int64_t>> take_wakes() {
    std::vector<std::pair<std::string, std::int64_t>> wakes;
    for (serving::Wake& wake : engine_->wakes().take()) {
      wakes.emplace_back(std::move(wake.model), wake.version);
    }
    return wakes;
  }
  std::vector<std::tuple<std::string, std::int64_t, std::uint64_t, std::int64_t>> uses() {
    std::vector<std::tuple<std::string, std::int64_t, std::uint64_t, std::int64_t>> uses;
    for (engine::VersionUse& use : engine_->uses()) {
      uses.emplace_back(std::move(use.model), use.version, use.last_inference_ms, use.calls);
    }
    return uses;
  }
  void trim_memory() { engine_->trim_memory(); }
  void set_ready(bool is_ready) { engine_->set_ready(is_ready); }
  void install_signal_handlers() { drain_->install_signal_handlers(); }
  void drain() { drain_->begin(); }
  int drained_fd() const { return drain_->drained_fd(); }
  bool is_draining() const { return engine_->readiness().is_draining(); }
  void stop() { engine_->stop(); }
  std::string metrics_text() { return engine_->metrics_text(); }
  std::vector<VersionStatistics> statistics(const std::string& model) {
    return plain_statistics(engine_->statistics(model));
  }
  void register_region(const std::string& name, const std::string& key, std::uint64_t offset,
                       std::uint64_t byte_size) {
    memory::RegionTable& regions = *value_or_raise(engine_->regions());
    value_or_raise(unlocked([&] { return regions.add({name, key, offset, byte_size}); }));
  }
  void unregister_region(const std::string& name) {
    memory::RegionTable& regions = *value_or_raise(engine_->regions());
    unlocked([&] { regions.remove(name); });
  }
  void unregister_regions() {
    memory::RegionTable& regions = *value_or_raise(engine_->regions());
    unlocked([&] { regions.remove_all(); });
  }
  std::vector<std::tuple<std::string, std::string, std::uint64_t, std::uint64_t>> regions(
      const std::string& name) {
    std::vector<std::tuple<std::string, std::string, std::uint64_t, std::uint64_t>> told;
    memory::RegionTable& regions = *value_or_raise(engine_->regions());
    for (memory::RegionSpec& spec : value_or_raise(regions.list(name))) {
      told.emplace_back(std::move(spec.name), std::move(spec.key), spec.offset, spec.byte_size);
    }
    return told;
  }
  Traffic traffic() { return Traffic(*engine_); }
  Drift drift() { return Drift(*engine_); }
  ControlBridge& bridge() { return *bridge_; }
  int log_fd() const { return engine_->log().fd(); }
  std::vector<std::tuple<std::string, std::string, std::map<std::string, std::string>>> take_log();

 private:
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::Drain> drain_;
  std::unique_ptr<ControlBridge> bridge_;
};

constexpr std::string_view level_of(base::Severity severity) {
  switch (severity) {
    case base::Severity::kInfo: return "info";
    case base::Severity::kWarning: return "warning";
    case base::Severity::kError: return "error";
  }
  return "error";
}

std::vector<std::tuple<std::string, std::string, std::map<std::string, std::string>>>
Server::take_log() {
  std::vector<base::LogLine> lines;
  engine_->log().take(lines);
  std::vector<std::tuple<std::string, std::string, std::map<std::string, std::string>>> told;
  for (base::LogLine& line : lines) {
    told.emplace_back(level_of(line.severity), std::move(line.event),
                      std::map<std::string, std::string>(line.fields.begin(), line.fields.end()));
  }
  return told;
}

void bind_values(py::module_& module) {
  py::class_<TensorSpec>(module, "TensorSpec")
      .def(py::init([](std::string name, std::string datatype, std::vector<std::int64_t> dims,
                       bool is_optional, std::optional<std::vector<std::int64_t>> reshape) {
             return TensorSpec{std::move(name), std::move(datatype), std::move(dims), is_optional,
                               std::move(reshape)};
           }),
           py::arg("name"), py::arg("datatype"), py::arg("dims"), py::arg("is_optional") = false,
           py::arg("reshape") = py::none())
      .def_readwrite("name", &TensorSpec::name)
      .def_readwrite("datatype", &TensorSpec::datatype)
      .def_readwrite("dims", &TensorSpec::dims)
      .def_readwrite("is_optional", &TensorSpec::is_optional)
      .def_readwrite("reshape", &TensorSpec::reshape);
  py::class_<OrtOptions>(module, "OrtOptions")
      .def(py::init<>())
      .def_readwrite("intra_op_threads", &OrtOptions::intra_op_threads)
      .def_readwrite("inter_op_threads", &OrtOptions::inter_op_threads)
      .def_readwrite("is_parallel", &OrtOptions::is_parallel)
      .def_readwrite("graph_level", &OrtOptions::graph_level)
      .def_readwrite("providers", &OrtOptions::providers)
      .def_readwrite("has_arena", &OrtOptions::has_arena)
      .def_readwrite("has_memory_plan", &OrtOptions::has_memory_plan)
      .def_readwrite("config_entries", &OrtOptions::config_entries)
      .def_readwrite("run_entries", &OrtOptions::run_entries);
  py::class_<QueueOptions>(module, "QueueOptions")
      .def(py::init<>())
      .def_readwrite("preferred_batch_sizes", &QueueOptions::preferred_batch_sizes)
      .def_readwrite("delay_max_us", &QueueOptions::delay_max_us)
      .def_readwrite("tickets_max", &QueueOptions::tickets_max)
      .def_readwrite("default_timeout_us", &QueueOptions::default_timeout_us)
      .def_readwrite("is_timeout_delay", &QueueOptions::is_timeout_delay)
      .def_readwrite("allows_timeout", &QueueOptions::allows_timeout);
  py::class_<WarmupInput>(module, "WarmupInput")
      .def(py::init([](std::string name, std::string datatype, std::vector<std::int64_t> dims,
                       std::string source, std::string bytes) {
             return WarmupInput{std::move(name), std::move(datatype), std::move(dims),
                                std::move(source), std::move(bytes)};
           }),
           py::arg("name"), py::arg("datatype"), py::arg("dims"), py::arg("source"),
           py::arg("bytes") = py::bytes());
  py::class_<Warmup>(module, "Warmup")
      .def(py::init([](std::string name, std::int64_t rows, std::uint32_t count,
                       std::vector<WarmupInput> inputs) {
             return Warmup{std::move(name), rows, count, std::move(inputs)};
           }),
           py::arg("name"), py::arg("rows"), py::arg("count"), py::arg("inputs"));
  py::class_<SmokeTensor>(module, "SmokeTensor")
      .def(py::init([](std::string name, std::string datatype, std::vector<std::int64_t> shape,
                       std::string bytes) {
             return SmokeTensor{std::move(name), std::move(datatype), std::move(shape),
                                std::move(bytes)};
           }),
           py::arg("name"), py::arg("datatype"), py::arg("shape"), py::arg("bytes"));
  py::class_<Smoke>(module, "Smoke")
      .def(py::init([](std::vector<SmokeTensor> inputs, std::vector<SmokeTensor> expected,
                       double tolerance) {
             return Smoke{std::move(inputs), std::move(expected), tolerance};
           }),
           py::arg("inputs"), py::arg("expected"), py::arg("tolerance"));
  py::class_<WorkerOptions>(module, "WorkerOptions")
      .def(py::init<>())
      .def_readwrite("command", &WorkerOptions::command)
      .def_readwrite("document", &WorkerOptions::document)
      .def_readwrite("batch_ms_max", &WorkerOptions::batch_ms_max)
      .def_readwrite("load_ms_max", &WorkerOptions::load_ms_max)
      .def_readwrite("memory_bytes_max", &WorkerOptions::memory_bytes_max)
      .def_readwrite("shared_bytes_max", &WorkerOptions::shared_bytes_max);
}

void bind_model_spec(py::module_& module) {
  py::class_<ModelSpec>(module, "ModelSpec")
      .def(py::init([](std::string name, std::int64_t version, std::string backend) {
             ModelSpec spec;
             spec.name = std::move(name);
             spec.version = version;
             spec.backend = std::move(backend);
             return spec;
           }),
           py::arg("name"), py::arg("version"), py::arg("backend"))
      .def_readwrite("name", &ModelSpec::name)
      .def_readwrite("version", &ModelSpec::version)
      .def_readwrite("platform", &ModelSpec::platform)
      .def_readwrite("backend", &ModelSpec::backend)
      .def_readwrite("model_path", &ModelSpec::model_path)
      .def_readwrite("batch_rows_max", &ModelSpec::batch_rows_max)
      .def_readwrite("batch_rows_default", &ModelSpec::batch_rows_default)
      .def_readwrite("inputs", &ModelSpec::inputs)
      .def_readwrite("outputs", &ModelSpec::outputs)
      .def_readwrite("instance_count", &ModelSpec::instance_count)
      .def_readwrite("lane", &ModelSpec::lane)
      .def_readwrite("queue", &ModelSpec::queue)
      .def_readwrite("ort", &ModelSpec::ort)
      .def_readwrite("native_threads", &ModelSpec::native_threads)
      .def_readwrite("smoke", &ModelSpec::smoke)
      .def_readwrite("warmups", &ModelSpec::warmups)
      .def_readwrite("labels", &ModelSpec::labels)
      .def_readwrite("python_executes", &ModelSpec::python_executes)
      .def_readwrite("properties", &ModelSpec::properties)
      .def_readwrite("tensor_parameters", &ModelSpec::tensor_parameters)
      .def_readwrite("worker", &ModelSpec::worker)
      .def_readwrite("metric_tags", &ModelSpec::metric_tags)
      .def_readwrite("metric_bounds_ns", &ModelSpec::metric_bounds_ns)
      .def_readwrite("load_began_ns", &ModelSpec::load_began_ns);
}

void bind_engine_options(py::module_& module) {
  py::class_<EngineOptions>(module, "EngineOptions")
      .def(py::init<>())
      .def_readwrite("grpc_address", &EngineOptions::grpc_address)
      .def_readwrite("grpc_port", &EngineOptions::grpc_port)
      .def_readwrite("is_grpc_port_shared", &EngineOptions::is_grpc_port_shared)
      .def_readwrite("rest_address", &EngineOptions::rest_address)
      .def_readwrite("rest_port", &EngineOptions::rest_port)
      .def_readwrite("is_rest_port_shared", &EngineOptions::is_rest_port_shared)
      .def_readwrite("rest_body_bytes_max", &EngineOptions::rest_body_bytes_max)
      .def_readwrite("grpc_forward_pattern", &EngineOptions::grpc_forward_pattern)
      .def_readwrite("rest_forward_pattern", &EngineOptions::rest_forward_pattern)
      .def_readwrite("rest_idle_timeout_ms", &EngineOptions::rest_idle_timeout_ms)
      .def_readwrite("io_threads", &EngineOptions::io_threads)
      .def_readwrite("message_bytes_max", &EngineOptions::message_bytes_max)
      .def_readwrite("inflight_bytes_max", &EngineOptions::inflight_bytes_max)
      .def_readwrite("connections_max", &EngineOptions::connections_max)
      .def_readwrite("concurrent_streams_max", &EngineOptions::concurrent_streams_max)
      .def_readwrite("hosted_calls_max", &EngineOptions::hosted_calls_max)
      .def_readwrite("compression_level", &EngineOptions::compression_level)
      .def_readwrite("keepalive_time_ms", &EngineOptions::keepalive_time_ms)
      .def_readwrite("keepalive_timeout_ms", &EngineOptions::keepalive_timeout_ms)
      .def_readwrite("keepalive_permit_without_calls",
                     &EngineOptions::keepalive_permit_without_calls)
      .def_readwrite("connection_age_max_ms", &EngineOptions::connection_age_max_ms)
      .def_readwrite("connection_age_grace_ms", &EngineOptions::connection_age_grace_ms)
      .def_readwrite("header_timeout_ms", &EngineOptions::header_timeout_ms)
      .def_readwrite("stall_timeout_ms", &EngineOptions::stall_timeout_ms)
      .def_readwrite("drain_delay_ms", &EngineOptions::drain_delay_ms)
      .def_readwrite("exit_timeout_ms", &EngineOptions::exit_timeout_ms)
      .def_readwrite("server_name", &EngineOptions::server_name)
      .def_readwrite("server_version", &EngineOptions::server_version)
      .def_readwrite("extensions", &EngineOptions::extensions)
      .def_readwrite("onnxruntime_library", &EngineOptions::onnxruntime_library)
      .def_readwrite("preload_libraries", &EngineOptions::preload_libraries)
      .def_readwrite("has_metric_counters", &EngineOptions::has_metric_counters)
      .def_readwrite("has_metric_histograms", &EngineOptions::has_metric_histograms)
      .def_readwrite("metric_quantiles", &EngineOptions::metric_quantiles)
      .def_readwrite("has_cpu_metrics", &EngineOptions::has_cpu_metrics)
      .def_readwrite("has_gpu_metrics", &EngineOptions::has_gpu_metrics)
      .def_readwrite("metrics_interval_ms", &EngineOptions::metrics_interval_ms)
      .def_readwrite("allow_client_shm", &EngineOptions::allow_client_shm)
      .def_readwrite("client_shm_regions_max", &EngineOptions::client_shm_regions_max);
}

void bind_server(py::module_& module) {
  py::class_<Server>(module, "Engine")
      .def(py::init<const EngineOptions&>(), py::arg("options"))
      .def("start", &Server::start)
      .def_property_readonly("grpc_port", &Server::grpc_port)
      .def_property_readonly("rest_port", &Server::rest_port)
      .def("prepare", &Server::prepare, py::arg("spec"), py::keep_alive<0, 1>())
      .def("set_failed", &Server::set_failed, py::arg("name"), py::arg("version"),
           py::arg("reason"), Unlocked())
      .def("unload", &Server::unload, py::arg("name"), py::arg("version"))
      .def("set_asleep", &Server::set_asleep, py::arg("name"), py::arg("version"),
           py::arg("refusal") = "")
      .def_property_readonly("wakes_fd", &Server::wakes_fd)
      .def("take_wakes", &Server::take_wakes)
      .def("uses", &Server::uses)
      .def("trim_memory", &Server::trim_memory, Unlocked())
      .def("set_ready", &Server::set_ready, py::arg("is_ready"))
      .def("install_signal_handlers", &Server::install_signal_handlers)
      .def("drain", &Server::drain)
      .def_property_readonly("drained_fd", &Server::drained_fd)
      .def_property_readonly("is_draining", &Server::is_draining)
      .def("stop", &Server::stop, Unlocked())
      .def_property_readonly("bridge", &Server::bridge, py::return_value_policy::reference_internal)
      .def_property_readonly("log_fd", &Server::log_fd)
      .def("take_log", &Server::take_log)
      .def("metrics_text", &Server::metrics_text, Unlocked())
      .def("statistics", &Server::statistics, py::arg("model"), Unlocked())
      .def("register_region", &Server::register_region, py::arg("name"), py::arg("key"),
           py::arg("offset"), py::arg("byte_size"))
      .def("unregister_region", &Server::unregister_region, py::arg("name"))
      .def("unregister_regions", &Server::unregister_regions)
      .def("regions", &Server::regions, py::arg("name"))
      .def_property_readonly("traffic", py::cpp_function(&Server::traffic, py::keep_alive<0, 1>()))
      .def_property_readonly("drift", py::cpp_function(&Server::drift, py::keep_alive<0, 1>()));
}

std::string isa() {
  if (__builtin_cpu_supports("avx512vnni") != 0) return "avx512_vnni";
  if (__builtin_cpu_supports("avx2") != 0) return "avx2";
  return "scalar";
}

}  // namespace

PYBIND11_MODULE(_core, module) {
  module.doc() = "The native core of Penstock.";
  bind_errors(module);
  bind_values(module);
  bind_model_spec(module);
  bind_engine_options(module);
  bind_control_bridge(module);
  bind_statistics(module);
  bind_traffic(module);
  bind_drift(module);
  bind_unserved(module);
  bind_server(module);
  bind_native_model(module);
  bind_local_model(module);
  bind_table_columns(module);
  module.def("isa", isa);
}

}  // namespace penstock::bindings
