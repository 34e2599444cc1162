// SPDX-License-Identifier: Apache-2.0
#include "engine/machine_gauge.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace penstock::engine {
namespace {

// The first line of /proc/stat and all of /proc/meminfo are shorter. Files of /proc are made whole
// by one read.
constexpr std::size_t kReadBytes = 4096;

std::string beginning_of(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::array<char, kReadBytes> bytes;
  const ssize_t size = ::read(fd, bytes.data(), bytes.size());
  close(fd);
  return {bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

}  // namespace

MachineGauge::MachineGauge(Settings settings)
    : settings_(std::move(settings)), gpus_(settings_.has_gpus ? GpuGauge::open() : nullptr) {
  if (settings_.has_cpu) {
    state_.lock()->times = telemetry::parse_cpu_times(beginning_of(settings_.proc + "/stat"));
  }
}

telemetry::MachineSample MachineGauge::look(base::Nanos now) {
  const auto state = state_.lock();
  if (state->read_at == 0 || now - state->read_at >= settings_.interval_ns) {
    read(*state);
    state->read_at = now;
  }
  return state->sample;
}

void MachineGauge::read(State& state) const {
  if (settings_.has_cpu) {
    const auto times = telemetry::parse_cpu_times(beginning_of(settings_.proc + "/stat"));
    const auto memory = telemetry::parse_memory_sizes(beginning_of(settings_.proc + "/meminfo"));
    if (times && memory) {
      telemetry::CpuSample& cpu = state.sample.cpu ? *state.sample.cpu : state.sample.cpu.emplace();
      cpu.memory = *memory;
      const auto share = state.times ? telemetry::utilization(*state.times, *times) : std::nullopt;
      if (share) cpu.utilization = *share;
      state.times = times;
    } else {
      state.sample.cpu.reset();
    }
  }
  if (gpus_ != nullptr) state.sample.gpus = gpus_->read();
}

}  // namespace penstock::engine
