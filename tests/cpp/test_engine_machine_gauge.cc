// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "engine/machine_gauge.h"
#include "harness.h"

namespace penstock::engine {
namespace {

// A folder with the two files that are read.
class Proc {
 public:
  Proc() {
    std::string name = (std::filesystem::temp_directory_path() / "penstock-proc-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    write("meminfo", "MemTotal: 100 kB\nMemAvailable: 25 kB\n");
  }
  Proc(const Proc&) = delete;
  Proc& operator=(const Proc&) = delete;
  ~Proc() { std::filesystem::remove_all(folder_); }

  void write(const char* file, const std::string& text) const {
    std::ofstream(folder_ + "/" + file) << text;
  }
  void spend(int busy, int idle) const {
    write("stat", "cpu  " + std::to_string(busy) + " 0 0 " + std::to_string(idle) + " 0 0 0 0\n");
  }
  MachineGauge::Settings settings() const {
    return {.has_cpu = true, .has_gpus = false, .interval_ns = 2 * base::kSecond, .proc = folder_};
  }

 private:
  std::string folder_;
};

TEST(engine_machine_gauge, a_reading_is_good_for_the_interval) {
  const Proc proc;
  proc.spend(100, 100);
  MachineGauge gauge(proc.settings());
  proc.spend(110, 130);
  EXPECT_EQ(gauge.look(10 * base::kSecond).cpu->utilization, 0.25);
  EXPECT_EQ(gauge.look(10 * base::kSecond).cpu->memory.used_bytes, 75 * 1024);
  proc.spend(120, 130);
  EXPECT_EQ(gauge.look(12 * base::kSecond - 1).cpu->utilization, 0.25);
  EXPECT_EQ(gauge.look(12 * base::kSecond).cpu->utilization, 1.0);
}

TEST(engine_machine_gauge, a_machine_that_tells_nothing_has_no_sample) {
  Proc proc;
  MachineGauge gauge(proc.settings());
  EXPECT(!gauge.look(base::kSecond).cpu.has_value());
  EXPECT(gauge.look(base::kSecond).gpus.empty());
}

TEST(engine_machine_gauge, who_does_not_want_to_know_is_not_told) {
  const Proc proc;
  proc.spend(1, 1);
  MachineGauge::Settings settings = proc.settings();
  settings.has_cpu = false;
  EXPECT(!MachineGauge(settings).look(base::kSecond).cpu.has_value());
}

}  // namespace
}  // namespace penstock::engine
