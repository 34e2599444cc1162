// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

namespace penstock::base {

Result<std::unique_ptr<Log>> Log::open() {
  auto waiting = EventFd::open();
  if (!waiting) return std::unexpected(waiting.error());
  return std::unique_ptr<Log>(new Log(std::move(*waiting)));
}

void Log::write(Severity severity, std::string_view event,
                std::vector<std::pair<std::string, std::string>> fields) {
  const auto pushed = lines_.push({severity, std::string(event), std::move(fields)});
  if (pushed.taken == 0) dropped_.fetch_add(1, std::memory_order_relaxed);
  if (pushed.needs_wake) waiting_.notify();
}

void Log::take(std::vector<LogLine>& lines) {
  // Cleared first: a line that comes between is seen twice by the poller rather than never.
  waiting_.clear();
  lines_.drain(lines);
  const std::uint64_t dropped = dropped_.exchange(0, std::memory_order_relaxed);
  if (dropped > 0) {
    lines.push_back(
        {Severity::kWarning, "log_lines_dropped", {{"lines", std::to_string(dropped)}}});
  }
}

}  // namespace penstock::base
