// SPDX-License-Identifier: Apache-2.0
#include "telemetry/machine.h"

#include <algorithm>
#include <charconv>

namespace penstock::telemetry {
namespace {

// The columns of /proc/stat's first line; further ones repeat what user and nice have counted.
constexpr std::size_t kColumns = 8;
constexpr std::size_t kIdle = 3;
constexpr std::size_t kIoWait = 4;

// Takes the number that `text` begins with, after blanks.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// The kibibytes on the line that begins with `name`, in bytes.
std::optional<std::uint64_t> bytes_of(std::string_view meminfo, std::string_view name) {
  while (!meminfo.empty()) {
    const std::size_t end = std::min(meminfo.find('\n'), meminfo.size());
    std::string_view line = meminfo.substr(0, end);
    meminfo.remove_prefix(std::min(end + 1, meminfo.size()));
    if (!line.starts_with(name)) continue;
    line.remove_prefix(name.size());
    const auto kibibytes = take_number(line);
    if (!kibibytes) return std::nullopt;
    return *kibibytes * 1024;
  }
  return std::nullopt;
}

}  // namespace

std::optional<CpuTimes> parse_cpu_times(std::string_view stat) {
  if (!stat.starts_with("cpu ")) return std::nullopt;
  stat = stat.substr(0, stat.find('\n'));
  stat.remove_prefix(4);
  CpuTimes times;
  for (std::size_t column = 0; column < kColumns; ++column) {
    const auto ticks = take_number(stat);
    if (!ticks) return std::nullopt;
    times.total += *ticks;
    if (column != kIdle && column != kIoWait) times.busy += *ticks;
  }
  return times;
}

std::optional<MemorySizes> parse_memory_sizes(std::string_view meminfo) {
  const auto total = bytes_of(meminfo, "MemTotal:");
  const auto available = bytes_of(meminfo, "MemAvailable:");
  if (!total || !available) return std::nullopt;
  return MemorySizes{.total_bytes = *total, .used_bytes = *total - std::min(*total, *available)};
}

std::optional<double> utilization(const CpuTimes& before, const CpuTimes& after) {
  // The kernel's own sums may fall by a tick.
  if (after.total <= before.total || after.busy < before.busy) return std::nullopt;
  const auto busy = static_cast<double>(after.busy - before.busy);
  return std::min(1.0, busy / static_cast<double>(after.total - before.total));
}

}  // namespace penstock::telemetry
