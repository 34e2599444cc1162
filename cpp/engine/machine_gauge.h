// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/monitor.h"
#include "engine/gpu_gauge.h"
#include "telemetry/machine.h"

namespace penstock::engine {

// Reads what the machine does from /proc and from the GPUs' driver. It has no thread: whoever looks
// takes a new reading if the last one is older than the interval, so that a server that nobody
// looks at reads nothing, and one that everybody looks at no more than that.
class MachineGauge {
 public:
  struct Settings {
    bool has_cpu = true;
    bool has_gpus = true;
    base::Nanos interval_ns = 2 * base::kSecond;
    std::string proc = "/proc";
  };

  explicit MachineGauge(Settings settings);

  // From any thread. Utilization is that since the reading before, or since the gauge was made.
  telemetry::MachineSample look(base::Nanos now);

 private:
  struct State {
    base::Nanos read_at = 0;
    std::optional<telemetry::CpuTimes> times;
    telemetry::MachineSample sample;
  };
  void read(State& state) const;

  const Settings settings_;
  const std::unique_ptr<GpuGauge> gpus_;  // null: none, or nobody wants to know
  base::Monitor<State> state_;
};

}  // namespace penstock::engine
