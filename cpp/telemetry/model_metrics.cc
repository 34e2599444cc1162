// SPDX-License-Identifier: Apache-2.0
#include "telemetry/model_metrics.h"

#include <algorithm>

namespace penstock::telemetry {

void ModelShard::add_to(ModelCounts& sum) const {
  const RowsCounts batch_rows = batch_rows_.counts();
  sum.success += success_.value();
  for (std::size_t i = 0; i < kFailureReasonCount; ++i) sum.failures[i] += failures_[i].value();
  sum.failed_ns += failed_ns_.value();
  sum.refused += refused_.value();
  sum.expired += expired_.value();
  sum.inferences += inferences_.value();
  sum.rows += batch_rows.sum;
  sum.batches += batch_rows.count();
  sum.last_inference_ms = std::max(sum.last_inference_ms, last_inference_ms_.value());
  sum.request += request_.counts();
  sum.queue += queue_.counts();
  sum.compute_input += compute_input_.counts();
  sum.compute_infer += compute_infer_.counts();
  sum.compute_output += compute_output_.counts();
  sum.batch_rows += batch_rows;
}

ModelMetrics::ModelMetrics(std::size_t threads, std::int64_t batch_rows_max) {
  for (std::size_t i = 0; i < threads; ++i) {
    shards_.push_back(std::make_unique<ModelShard>(batch_rows_max));
  }
}

ModelCounts ModelMetrics::counts() const {
  ModelCounts sum;
  for (const auto& shard : shards_) shard->add_to(sum);
  return sum;
}

BatchSizeTable ModelMetrics::batch_sizes() const {
  BatchSizeTable sum;
  for (const auto& shard : shards_) shard->batch_sizes().add_to(sum);
  return sum;
}

}  // namespace penstock::telemetry
