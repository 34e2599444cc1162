// SPDX-License-Identifier: Apache-2.0
#include "base/cores.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

namespace penstock::base {

std::size_t cores_within(std::string_view cpu_max, std::size_t allowed) {
  std::uint64_t quota = 0;
  std::uint64_t period = 0;
  const char* const end = cpu_max.data() + cpu_max.size();
  const auto first = std::from_chars(cpu_max.data(), end, quota);
  if (first.ec == std::errc{} && first.ptr != end && *first.ptr == ' ') {
    const auto second = std::from_chars(first.ptr + 1, end, period);
    if (second.ec == std::errc{} && period > 0) {
      const std::uint64_t cores = quota / period + (quota % period != 0 ? 1 : 0);
      allowed = static_cast<std::size_t>(std::min<std::uint64_t>(allowed, cores));
    }
  }
  return std::max<std::size_t>(allowed, 1);
}

std::size_t usable_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return cores_within(text, static_cast<std::size_t>(CPU_COUNT(&set)));
}

}  // namespace penstock::base
