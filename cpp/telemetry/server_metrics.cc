// SPDX-License-Identifier: Apache-2.0
#include "telemetry/server_metrics.h"

namespace penstock::telemetry {
namespace {

// Counts are read one after another while threads go on counting, so an end may be seen without
// its beginning.
std::uint64_t still_open(std::uint64_t begun, std::uint64_t ended) {
  return begun > ended ? begun - ended : 0;
}

}  // namespace

std::string_view name_of(CloseReason reason) {
  static constexpr std::array<std::string_view, kCloseReasonCount> kNames = {
      "peer", "protocol", "keepalive", "age", "drain", "flood", "slow", "http1", "idle"};
  return kNames[static_cast<std::size_t>(reason)];
}

std::uint64_t ServerCounts::connections_open() const {
  std::uint64_t closed = 0;
  for (const std::uint64_t count : connections_closed) closed += count;
  return still_open(connections_accepted, closed);
}

std::uint64_t ServerCounts::streams_open() const {
  return still_open(streams_opened, streams_closed);
}

void ServerShard::add_to(ServerCounts& sum) const {
  // Ends before beginnings: what is open is then never counted short.
  std::uint64_t closed = 0;
  for (std::size_t i = 0; i < kCloseReasonCount; ++i) {
    const std::uint64_t count = connections_closed_[i].value();
    closed += count;
    sum.connections_closed[i] += count;
  }
  const std::uint64_t accepted = connections_accepted_.value();
  sum.connections_by_thread.push_back(still_open(accepted, closed));
  sum.connections_accepted += accepted;
  sum.connections_refused += connections_refused_.value();
  sum.accept_failures += accept_failures_.value();
  sum.streams_closed += streams_closed_.value();
  sum.streams_opened += streams_opened_.value();
  for (std::size_t i = 0; i < kCodeCount; ++i) sum.answers[i] += answers_[i].value();
  sum.replies_dropped += replies_dropped_.value();
  sum.goaways_sent += goaways_sent_.value();
  sum.bytes_received += bytes_received_.value();
  sum.bytes_sent += bytes_sent_.value();
}

ServerCounts ServerMetrics::counts() const {
  ServerCounts sum;
  for (std::size_t i = 0; i < threads_; ++i) shards_[i].add_to(sum);
  return sum;
}

}  // namespace penstock::telemetry
