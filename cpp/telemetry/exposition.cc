// SPDX-License-Identifier: Apache-2.0
#include "telemetry/exposition.h"

#include <optional>
#include <string>

#include "base/error.h"
#include "telemetry/exposition_text.h"
#include "telemetry/model_exposition.h"

namespace penstock::telemetry {
namespace {

using Type = ExpositionText::Type;

void expose_cpu(ExpositionText& text, const CpuSample& cpu) {
  text.family("nv_cpu_utilization", Type::kGauge, "CPU utilization rate [0.0 - 1.0]");
  text.sample_real({}, cpu.utilization);
  text.family("nv_cpu_memory_total_bytes", Type::kGauge, "CPU total memory (RAM), in bytes");
  text.sample({}, cpu.memory.total_bytes);
  text.family("nv_cpu_memory_used_bytes", Type::kGauge, "CPU used memory (RAM), in bytes");
  text.sample({}, cpu.memory.used_bytes);
}

// A family with a sample for each device that tells `value`.
template <class T>
void gpu_family(ExpositionText& text, std::span<const GpuSample> gpus, Type type,
                std::string_view name, std::string_view help, std::optional<T> GpuSample::*value) {
  text.family(name, type, help);
  for (const GpuSample& gpu : gpus) {
    if (!(gpu.*value)) continue;
    text.sample_real({{"gpu_uuid", gpu.uuid}}, static_cast<double>(*(gpu.*value)));
  }
}

void expose_gpus(ExpositionText& text, std::span<const GpuSample> gpus) {
  gpu_family(text, gpus, Type::kGauge, "nv_gpu_utilization", "GPU utilization rate [0.0 - 1.0)",
             &GpuSample::utilization);
  gpu_family(text, gpus, Type::kGauge, "nv_gpu_memory_total_bytes", "GPU total memory, in bytes",
             &GpuSample::memory_total_bytes);
  gpu_family(text, gpus, Type::kGauge, "nv_gpu_memory_used_bytes", "GPU used memory, in bytes",
             &GpuSample::memory_used_bytes);
  gpu_family(text, gpus, Type::kGauge, "nv_gpu_power_usage", "GPU power usage in watts",
             &GpuSample::power_watts);
  gpu_family(text, gpus, Type::kGauge, "nv_gpu_power_limit", "GPU power management limit in watts",
             &GpuSample::power_limit_watts);
  gpu_family(text, gpus, Type::kCounter, "nv_energy_consumption",
             "GPU energy consumption in joules since the server started",
             &GpuSample::energy_joules);
}

void expose_server(ExpositionText& text, const ServerCounts& server) {
  const auto one = [&text](Type type, std::string_view name, std::string_view help,
                           std::uint64_t value) {
    text.family(name, type, help);
    text.sample({}, value);
  };
  one(Type::kGauge, "penstock_connections_open", "Connections that are open",
      server.connections_open());
  text.family("penstock_io_thread_connections", Type::kGauge,
              "Connections that are open, by the io thread that owns them");
  for (std::size_t i = 0; i < server.connections_by_thread.size(); ++i) {
    text.sample({{"thread", std::to_string(i)}}, server.connections_by_thread[i]);
  }
  one(Type::kCounter, "penstock_connections_accepted_total", "Connections accepted",
      server.connections_accepted);
  one(Type::kCounter, "penstock_connections_refused_total",
      "Connections closed at once because there were too many", server.connections_refused);
  one(Type::kCounter, "penstock_accept_failures_total",
      "Times that the system had no room for another connection", server.accept_failures);
  text.family("penstock_connections_closed_total", Type::kCounter,
              "Connections closed, by the reason");
  for (std::size_t i = 0; i < kCloseReasonCount; ++i) {
    text.sample({{"reason", name_of(static_cast<CloseReason>(i))}}, server.connections_closed[i]);
  }
  one(Type::kGauge, "penstock_streams_open", "HTTP/2 streams that are open", server.streams_open());
  one(Type::kCounter, "penstock_streams_opened_total", "HTTP/2 streams opened",
      server.streams_opened);
  text.family("penstock_grpc_answers_total", Type::kCounter,
              "Calls answered, whatever the method, by gRPC status");
  for (std::size_t i = 0; i < kCodeCount; ++i) {
    text.sample({{"code", base::name_of(static_cast<base::Code>(i))}}, server.answers[i]);
  }
  one(Type::kCounter, "penstock_replies_dropped_total",
      "Answers that were ready when their stream had gone", server.replies_dropped);
  one(Type::kCounter, "penstock_goaways_sent_total", "GOAWAY frames sent", server.goaways_sent);
  one(Type::kCounter, "penstock_received_bytes_total", "Bytes read from sockets",
      server.bytes_received);
  one(Type::kCounter, "penstock_sent_bytes_total", "Bytes written to sockets", server.bytes_sent);
}

}  // namespace

std::string expose(const ServerCounts& server, std::span<const ModelSample> models,
                   const MachineSample& machine, const ExpositionSettings& settings) {
  ExpositionText text;
  expose_models(text, models, settings);
  if (machine.cpu) expose_cpu(text, *machine.cpu);
  if (!machine.gpus.empty()) expose_gpus(text, machine.gpus);
  expose_server(text, server);
  return text.take();
}

}  // namespace penstock::telemetry
