// SPDX-License-Identifier: Apache-2.0
#include "harness.h"
#include "telemetry/server_metrics.h"

namespace penstock::telemetry {
namespace {

TEST(telemetry_server_metrics, shards_are_summed) {
  ServerMetrics metrics(2);
  metrics.shard(0).record_connection_accepted();
  metrics.shard(1).record_connection_accepted();
  metrics.shard(1).record_connection_closed(CloseReason::kAge);
  metrics.shard(0).record_connection_refused();
  metrics.shard(0).record_accept_failure();
  metrics.shard(0).record_stream_opened();
  metrics.shard(1).record_stream_opened();
  metrics.shard(1).record_stream_closed();
  metrics.shard(0).record_answer(base::Code::kUnauthenticated);
  metrics.shard(1).record_answer(base::Code::kOk);
  metrics.shard(0).record_reply_dropped();
  metrics.shard(0).record_goaway_sent();
  metrics.shard(0).record_bytes_received(100);
  metrics.shard(1).record_bytes_received(11);
  metrics.shard(1).record_bytes_sent(7);
  const ServerCounts counts = metrics.counts();
  EXPECT_EQ(counts.connections_accepted, 2);
  EXPECT_EQ(counts.connections_refused, 1);
  EXPECT_EQ(counts.accept_failures, 1);
  EXPECT_EQ(counts.connections_closed[static_cast<std::size_t>(CloseReason::kAge)], 1);
  EXPECT_EQ(counts.connections_open(), 1);
  EXPECT(counts.connections_by_thread == (std::vector<std::uint64_t>{1, 0}));
  EXPECT_EQ(counts.streams_open(), 1);
  EXPECT_EQ(counts.answers.front(), 1);
  EXPECT_EQ(counts.answers.back(), 1);
  EXPECT_EQ(counts.replies_dropped, 1);
  EXPECT_EQ(counts.goaways_sent, 1);
  EXPECT_EQ(counts.bytes_received, 111);
  EXPECT_EQ(counts.bytes_sent, 7);
}

TEST(telemetry_server_metrics, more_ends_than_beginnings_are_none_open) {
  ServerCounts counts;
  counts.connections_closed[0] = 1;
  counts.streams_closed = 1;
  EXPECT_EQ(counts.connections_open(), 0);
  EXPECT_EQ(counts.streams_open(), 0);
}

TEST(telemetry_server_metrics, every_reason_has_a_name) {
  for (std::size_t i = 0; i < kCloseReasonCount; ++i) {
    EXPECT(!name_of(static_cast<CloseReason>(i)).empty());
  }
}

}  // namespace
}  // namespace penstock::telemetry
