// SPDX-License-Identifier: Apache-2.0
#include "harness.h"
#include "telemetry/model_metrics.h"

namespace penstock::telemetry {
namespace {

TEST(telemetry_model_metrics, a_version_that_served_nothing_counts_nothing) {
  EXPECT(ModelMetrics(3).counts() == ModelCounts());
}

TEST(telemetry_model_metrics, shards_are_summed) {
  ModelMetrics metrics(2);
  metrics.shard(0).record_success({.rows = 8,
                                   .request_ns = 9000,
                                   .queue_ns = 2000,
                                   .compute_input_ns = 10,
                                   .compute_infer_ns = 5000,
                                   .compute_output_ns = 20});
  metrics.shard(1).record_success({.request_ns = 1000,
                                   .queue_ns = 0,
                                   .compute_input_ns = 30,
                                   .compute_infer_ns = 700,
                                   .compute_output_ns = 40});
  metrics.shard(1).record_batch({.rows = 8}, 1234);
  metrics.shard(0).record_batch({.rows = 3}, 1230);
  const ModelCounts counts = metrics.counts();
  EXPECT_EQ(counts.success, 2);
  EXPECT_EQ(counts.inferences, 9);
  EXPECT_EQ(counts.rows, 11);
  EXPECT_EQ(counts.batches, 2);
  EXPECT_EQ(counts.request.sum, 10'000);
  EXPECT_EQ(counts.queue.sum, 2000);
  EXPECT_EQ(counts.compute_input.sum, 40);
  EXPECT_EQ(counts.compute_infer.sum, 5700);
  EXPECT_EQ(counts.compute_output.sum, 60);
  EXPECT_EQ(counts.last_inference_ms, 1234);
  EXPECT_EQ(counts.batch_rows.count(), 2);
}

TEST(telemetry_model_metrics, a_refused_and_an_expired_request_are_rejected_ones) {
  ModelMetrics metrics(1);
  metrics.shard(0).record_refused(100);
  metrics.shard(0).record_expired(20);
  metrics.shard(0).record_expired(-5);
  metrics.shard(0).record_failure(FailureReason::kBackend, 3);
  const ModelCounts counts = metrics.counts();
  EXPECT_EQ(counts.refused, 1);
  EXPECT_EQ(counts.expired, 2);
  EXPECT_EQ(counts.failures[static_cast<std::size_t>(FailureReason::kRejected)], 3);
  EXPECT_EQ(counts.failures[static_cast<std::size_t>(FailureReason::kBackend)], 1);
  EXPECT_EQ(counts.failed_ns, 123);
  EXPECT_EQ(counts.success, 0);
}

TEST(telemetry_model_metrics, negative_durations_count_as_none) {
  ModelMetrics metrics(1);
  metrics.shard(0).record_success({1, -1, -1, -1, -1, -1});
  const ModelCounts counts = metrics.counts();
  EXPECT_EQ(counts.request.sum + counts.queue.sum + counts.compute_infer.sum, 0);
  EXPECT_EQ(counts.compute_input.sum + counts.compute_output.sum, 0);
  EXPECT_EQ(counts.request.count(), 1);
}

}  // namespace
}  // namespace penstock::telemetry
