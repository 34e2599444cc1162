// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "telemetry/machine.h"

namespace penstock::engine {

// What NVIDIA's management library tells of the machine's GPUs. The library belongs to the driver
// and is opened by name when there is one: nothing is linked, and a machine without a GPU has no
// gauge. Not thread-safe by itself.
class GpuGauge {
 public:
  // Null where there is no driver, or no device.
  static std::unique_ptr<GpuGauge> open();
  GpuGauge(const GpuGauge&) = delete;
  GpuGauge& operator=(const GpuGauge&) = delete;
  ~GpuGauge();

  std::vector<telemetry::GpuSample> read() const;

 private:
  struct Library;
  struct Device {
    void* handle = nullptr;
    std::string uuid;
    std::uint64_t energy_mj_before = 0;  // that it had used when the gauge was made
  };

  explicit GpuGauge(std::unique_ptr<Library> library);
  telemetry::GpuSample read(const Device& device) const;

  const std::unique_ptr<Library> library_;
  std::vector<Device> devices_;
};

}  // namespace penstock::engine
