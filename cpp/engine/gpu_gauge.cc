// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu_gauge.h"

#include <dlfcn.h>

#include <array>
#include <utility>

namespace penstock::engine {
namespace {

// Of nvml.h: what its functions take and fill in.
using Return = int;
constexpr Return kSuccess = 0;
constexpr std::size_t kUuidBytes = 96;
struct Utilization {
  unsigned int gpu = 0;  // percent of the last period
  unsigned int memory = 0;
};
struct Memory {
  unsigned long long total = 0;
  unsigned long long free = 0;
  unsigned long long used = 0;
};

}  // namespace

struct GpuGauge::Library {
  void* handle = nullptr;
  Return (*init)() = nullptr;
  Return (*shutdown)() = nullptr;
  Return (*count)(unsigned int*) = nullptr;
  Return (*device)(unsigned int, void**) = nullptr;
  Return (*uuid)(void*, char*, unsigned int) = nullptr;
  Return (*utilization)(void*, Utilization*) = nullptr;
  Return (*memory)(void*, Memory*) = nullptr;
  Return (*power_mw)(void*, unsigned int*) = nullptr;
  Return (*power_limit_mw)(void*, unsigned int*) = nullptr;
  Return (*energy_mj)(void*, unsigned long long*) = nullptr;
  bool is_initialized = false;

  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (is_initialized) shutdown();
    if (handle != nullptr) dlclose(handle);
  }

  template <class Function>
  bool find(const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(handle, name));
    return function != nullptr;
  }
  bool open() {
    handle = dlopen("libnvidia-ml.so.1", RTLD_LAZY | RTLD_LOCAL);
    return handle != nullptr && find("nvmlInit_v2", init) && find("nvmlShutdown", shutdown) &&
           find("nvmlDeviceGetCount_v2", count) && find("nvmlDeviceGetHandleByIndex_v2", device) &&
           find("nvmlDeviceGetUUID", uuid) && find("nvmlDeviceGetUtilizationRates", utilization) &&
           find("nvmlDeviceGetMemoryInfo", memory) && find("nvmlDeviceGetPowerUsage", power_mw) &&
           find("nvmlDeviceGetEnforcedPowerLimit", power_limit_mw) &&
           find("nvmlDeviceGetTotalEnergyConsumption", energy_mj) &&
           (is_initialized = init() == kSuccess);
  }
};

std::unique_ptr<GpuGauge> GpuGauge::open() {
  auto library = std::make_unique<Library>();
  if (!library->open()) return nullptr;
  std::unique_ptr<GpuGauge> gauge(new GpuGauge(std::move(library)));
  return gauge->devices_.empty() ? nullptr : std::move(gauge);
}

GpuGauge::GpuGauge(std::unique_ptr<Library> library) : library_(std::move(library)) {
  unsigned int count = 0;
  if (library_->count(&count) != kSuccess) return;
  for (unsigned int i = 0; i < count; ++i) {
    Device device;
    std::array<char, kUuidBytes> uuid{};
    if (library_->device(i, &device.handle) != kSuccess) continue;
    if (library_->uuid(device.handle, uuid.data(), kUuidBytes - 1) != kSuccess) continue;
    device.uuid = uuid.data();
    unsigned long long energy_mj = 0;
    if (library_->energy_mj(device.handle, &energy_mj) == kSuccess) {
      device.energy_mj_before = energy_mj;
    }
    devices_.push_back(std::move(device));
  }
}

GpuGauge::~GpuGauge() = default;

std::vector<telemetry::GpuSample> GpuGauge::read() const {
  std::vector<telemetry::GpuSample> samples;
  for (const Device& device : devices_) samples.push_back(read(device));
  return samples;
}

telemetry::GpuSample GpuGauge::read(const Device& device) const {
  telemetry::GpuSample sample;
  sample.uuid = device.uuid;
  Utilization utilization;
  if (library_->utilization(device.handle, &utilization) == kSuccess) {
    sample.utilization = utilization.gpu / 100.0;
  }
  Memory memory;
  if (library_->memory(device.handle, &memory) == kSuccess) {
    sample.memory_total_bytes = memory.total;
    sample.memory_used_bytes = memory.used;
  }
  unsigned int milliwatts = 0;
  if (library_->power_mw(device.handle, &milliwatts) == kSuccess) {
    sample.power_watts = milliwatts / 1e3;
  }
  if (library_->power_limit_mw(device.handle, &milliwatts) == kSuccess) {
    sample.power_limit_watts = milliwatts / 1e3;
  }
  unsigned long long energy_mj = 0;
  if (library_->energy_mj(device.handle, &energy_mj) == kSuccess &&
      energy_mj >= device.energy_mj_before) {
    sample.energy_joules = static_cast<double>(energy_mj - device.energy_mj_before) / 1e3;
  }
  return sample;
}

}  // namespace penstock::engine
