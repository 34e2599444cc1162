// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/channel.h"
#include "base/error.h"
#include "base/event_fd.h"

namespace penstock::base {

enum class Severity : std::uint8_t { kInfo, kWarning, kError };

// An event by its name, with its fields: what a structured log makes a line of.
struct LogLine {
  Severity severity = Severity::kInfo;
  std::string event;
  std::vector<std::pair<std::string, std::string>> fields;
};

// Events on their way from any thread of the core to whoever writes the log. Writing never waits
// for the reader: when kLinesMax lines wait, further ones are counted and dropped.
class Log {
 public:
  static constexpr std::size_t kLinesMax = 1024;

  static Result<std::unique_ptr<Log>> open();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // From any thread.
  void write(Severity severity, std::string_view event,
             std::vector<std::pair<std::string, std::string>> fields);

  // Readable while lines wait.
  int fd() const { return waiting_.fd(); }
  // Replaces what is in `lines` by all that wait, on the one thread that reads; the last line tells
  // how many were dropped, if any were.
  void take(std::vector<LogLine>& lines);

 private:
  explicit Log(EventFd waiting) : waiting_(std::move(waiting)), lines_(kLinesMax) {}

  const EventFd waiting_;
  Channel<LogLine> lines_;
  std::atomic<std::uint64_t> dropped_ = 0;
};

}  // namespace penstock::base
