// SPDX-License-Identifier: Apache-2.0
#include "telemetry/model_metrics.h"

#include <algorithm>
#include <utility>

namespace penstock::telemetry {

ModelShard::ModelShard(std::int64_t batch_rows_max, const DetailOptions& detail)
    : batch_sizes_(batch_rows_max) {
  if (detail.is_any()) detail_ = std::make_unique<RequestDetail>(detail);
}

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
  if (detail_ == nullptr) return;
  for (std::size_t i = 0; i < kDurationCount; ++i) {
    sum.exact[i] += detail_->exact(static_cast<Duration>(i));
  }
}

ModelMetrics::ModelMetrics(std::size_t threads, std::int64_t batch_rows_max, DetailOptions detail)
    : detail_(std::move(detail)) {
  for (std::size_t i = 0; i < threads; ++i) {
    shards_.push_back(std::make_unique<ModelShard>(batch_rows_max, detail_));
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

PerDuration<std::vector<QuantileSample>> ModelMetrics::quantiles(base::Nanos now) {
  PerDuration<std::vector<QuantileSample>> told;
  if (!detail_.has_quantiles) return told;
  const auto recent = recent_.lock();
  for (std::size_t i = 0; i < kDurationCount; ++i) {
    told[i] = quantiles_of(static_cast<Duration>(i), (*recent)[i], now);
  }
  return told;
}

std::vector<QuantileSample> ModelMetrics::quantiles_of(Duration duration, RecentCounts& recent,
                                                       base::Nanos now) const {
  const auto sum = std::make_unique<FineCounts>();
  for (const auto& shard : shards_) shard->detail()->add_fine(duration, *sum);
  const auto lately = recent.advance(*sum, now);
  std::vector<QuantileSample> told;
  for (const double quantile : detail_.quantiles) {
    told.push_back({.quantile = quantile, .ns = quantile_ns(*lately, quantile)});
  }
  return told;
}

}  // namespace penstock::telemetry
