// SPDX-License-Identifier: Apache-2.0
#include "telemetry/model_metrics.h"

#include <algorithm>

namespace penstock::telemetry {

void ModelShard::add_to(ModelCounts& sum) const {
  const RowsCounts batch_rows = batch_rows_.counts();
  sum.success += success_.value();
  for (std::size_t i = 0; i < kFailureReasonCount; ++i) sum.failures[i] += failures_[i].value();
  sum.refused += refused_.value();
  sum.expired += expired_.value();
  sum.rows += batch_rows.sum;
  sum.batches += batch_rows.count();
  sum.compute_input_ns += compute_input_ns_.value();
  sum.compute_output_ns += compute_output_ns_.value();
  sum.last_inference_ms = std::max(sum.last_inference_ms, last_inference_ms_.value());
  sum.request += request_.counts();
  sum.queue += queue_.counts();
  sum.compute_infer += compute_infer_.counts();
  sum.batch_rows += batch_rows;
}

ModelCounts ModelMetrics::counts() const {
  ModelCounts sum;
  for (std::size_t i = 0; i < threads_; ++i) shards_[i].add_to(sum);
  // Shards are read one after another: a request put in by a shard read early and taken out by one
  // read late was seen leaving only.
  return sum;
}

}  // namespace penstock::telemetry
