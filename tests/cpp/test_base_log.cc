// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "harness.h"

namespace penstock::base {
namespace {

bool is_readable(const Log& log) {
  pollfd waiting{.fd = log.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, 0) == 1;
}

std::unique_ptr<Log> open_log() { return std::move(*Log::open()); }

TEST(base_log, lines_come_out_in_order_and_the_descriptor_says_when_there_are_some) {
  const auto log = open_log();
  EXPECT(!is_readable(*log));
  log->write(Severity::kInfo, "first", {});
  log->write(Severity::kError, "second", {{"model", "m"}});
  EXPECT(is_readable(*log));
  std::vector<LogLine> lines;
  log->take(lines);
  REQUIRE(lines.size() == 2);
  EXPECT_EQ(lines[0].event, std::string("first"));
  EXPECT_EQ(lines[1].fields.front().second, std::string("m"));
  EXPECT(!is_readable(*log));
}

TEST(base_log, lines_past_the_bound_are_counted_and_dropped) {
  const auto log = open_log();
  for (std::size_t i = 0; i < Log::kLinesMax + 3; ++i) log->write(Severity::kInfo, "event", {});
  std::vector<LogLine> lines;
  log->take(lines);
  REQUIRE(lines.size() == Log::kLinesMax + 1);
  EXPECT_EQ(lines.back().event, std::string("log_lines_dropped"));
  EXPECT_EQ(lines.back().fields.front().second, std::string("3"));
  log->write(Severity::kInfo, "event", {});
  log->take(lines);
  EXPECT_EQ(lines.size(), std::size_t{1});
}

}  // namespace
}  // namespace penstock::base
