// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What the machine does besides and because of us, as the page tells it. Parsing only: who reads
// the files, and when, is the engine's business.
namespace penstock::telemetry {

// Since the machine's start, in ticks of all its processors.
struct CpuTimes {
  std::uint64_t busy = 0;
  std::uint64_t total = 0;

  friend bool operator==(const CpuTimes&, const CpuTimes&) = default;
};

struct MemorySizes {
  std::uint64_t total_bytes = 0;
  std::uint64_t used_bytes = 0;  // what could not be had without swapping

  friend bool operator==(const MemorySizes&, const MemorySizes&) = default;
};

struct CpuSample {
  double utilization = 0.0;  // 0 to 1, of all processors together
  MemorySizes memory = {};
};

// What a device does not tell has no value.
struct GpuSample {
  std::string uuid;
  std::optional<double> utilization;  // 0 to 1
  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<std::uint64_t> memory_used_bytes;
  std::optional<double> power_watts;
  std::optional<double> power_limit_watts;
  std::optional<double> energy_joules;  // since the server's start
};

struct MachineSample {
  std::optional<CpuSample> cpu = {};
  std::vector<GpuSample> gpus = {};
};

// Of /proc/stat; nothing if its first line is not as proc(5) says.
std::optional<CpuTimes> parse_cpu_times(std::string_view stat);
// Of /proc/meminfo; nothing if MemTotal or MemAvailable is missing.
std::optional<MemorySizes> parse_memory_sizes(std::string_view meminfo);
// The share of the time between two readings that processors were busy; nothing if none passed.
std::optional<double> utilization(const CpuTimes& before, const CpuTimes& after);

}  // namespace penstock::telemetry
