// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/monitor.h"
#include "telemetry/batch_sizes.h"
#include "telemetry/counter.h"
#include "telemetry/histogram.h"
#include "telemetry/quantiles.h"
#include "telemetry/request_detail.h"

// What is counted per version of a model. Each thread that serves the version counts in a shard of
// its own, without locks; a reader sums the shards.
namespace penstock::telemetry {

// Why a request failed, in Triton's words.
enum class FailureReason : std::uint8_t {
  kRejected,  // never executed: queue full, deadline passed, not ready
  kCanceled,  // the caller went away
  kBackend,   // the executor failed
  kOther,     // anything else, such as a request that does not fit the model
};
inline constexpr std::size_t kFailureReasonCount = 4;

// Where the time of a request that succeeded went.
struct RequestTimes {
  std::uint64_t rows = 1;             // that it brought
  base::Nanos request_ns = 0;         // bytes complete -> answer handed to HTTP/2
  base::Nanos queue_ns = 0;           // enqueued -> cut into a batch
  base::Nanos compute_input_ns = 0;   // of its batch: gather
  base::Nanos compute_infer_ns = 0;   // of its batch: the executor
  base::Nanos compute_output_ns = 0;  // of its batch: scatter
};

// The shards of a version, summed.
struct ModelCounts {
  std::uint64_t success = 0;
  std::array<std::uint64_t, kFailureReasonCount> failures{};  // by FailureReason
  std::uint64_t failed_ns = 0;                                // from arrival to failure, together
  std::uint64_t refused = 0;                                  // of the failures: the queue was full
  std::uint64_t expired = 0;     // of the failures: a deadline passed in the queue
  std::uint64_t inferences = 0;  // rows of requests that succeeded
  std::uint64_t rows = 0;        // executed
  std::uint64_t batches = 0;     // executed
  std::int64_t pending = 0;  // requests in the queue; not counted here, filled in by who knows it
  bool has_workers = false;  // it runs in processes of its own; these three are filled in, too
  std::uint64_t workers_up = 0;
  std::uint64_t worker_restarts = 0;
  std::uint64_t last_inference_ms = 0;  // since 1970, UTC; 0: none yet
  DurationCounts request;
  DurationCounts queue;
  DurationCounts compute_input;
  DurationCounts compute_infer;
  DurationCounts compute_output;
  RowsCounts batch_rows;
  PerDuration<ExactCounts> exact;  // by bounds of its own choice, where it has any

  friend bool operator==(const ModelCounts&, const ModelCounts&) = default;
};

// One thread's part of a version's counts. Only that thread writes; any thread may read.
class alignas(kCacheLineBytes) ModelShard {
 public:
  ModelShard(std::int64_t batch_rows_max, const DetailOptions& detail);
  ModelShard(const ModelShard&) = delete;
  ModelShard& operator=(const ModelShard&) = delete;

  // A request was answered well. As in Triton, durations are of such requests only, and each
  // request of a batch counts the batch's whole compute time.
  void record_success(const RequestTimes& times) {
    success_.add(1);
    inferences_.add(times.rows);
    request_.record(times.request_ns);
    queue_.record(times.queue_ns);
    compute_input_.record(times.compute_input_ns);
    compute_infer_.record(times.compute_infer_ns);
    compute_output_.record(times.compute_output_ns);
    if (detail_ == nullptr) return;
    detail_->record({times.request_ns, times.queue_ns, times.compute_input_ns,
                     times.compute_infer_ns, times.compute_output_ns});
  }
  // A request was answered with an error, `age_ns` after it arrived.
  void record_failure(FailureReason reason, base::Nanos age_ns) {
    failures_[static_cast<std::size_t>(reason)].add(1);
    failed_ns_.add(static_cast<std::uint64_t>(age_ns < 0 ? 0 : age_ns));
  }
  // The queue was full. Counts the failure too.
  void record_refused(base::Nanos age_ns) {
    refused_.add(1);
    record_failure(FailureReason::kRejected, age_ns);
  }
  // A deadline passed in the queue. Counts the failure too.
  void record_expired(base::Nanos age_ns) {
    expired_.add(1);
    record_failure(FailureReason::kRejected, age_ns);
  }
  // A batch was executed without error; `wall_ms` since 1970, UTC.
  void record_batch(const BatchTimes& batch, std::uint64_t wall_ms) {
    batch_rows_.record(batch.rows);
    batch_sizes_.record(batch);
    last_inference_ms_.set(wall_ms);
  }

  // Adds this shard to `sum`.
  void add_to(ModelCounts& sum) const;
  const BatchSizes& batch_sizes() const { return batch_sizes_; }
  const RequestDetail* detail() const { return detail_.get(); }

 private:
  Counter success_;
  Counter inferences_;
  Counter last_inference_ms_;
  Counter refused_;
  Counter expired_;
  Counter failed_ns_;
  std::array<Counter, kFailureReasonCount> failures_;
  DurationHistogram request_;
  DurationHistogram queue_;
  DurationHistogram compute_input_;
  DurationHistogram compute_infer_;
  DurationHistogram compute_output_;
  RowsHistogram batch_rows_;
  BatchSizes batch_sizes_;
  std::unique_ptr<RequestDetail> detail_;  // null: the version asks for none
};

// A share of requests, and the duration that it did not exceed lately; nothing where there were
// none.
struct QuantileSample {
  double quantile = 0.0;
  std::optional<std::uint64_t> ns = {};
};

// All shards of a version; lives as long as the version. Who makes it says which thread has which.
class ModelMetrics {
 public:
  // `batch_rows_max`: of the version; 0: no batch dimension.
  explicit ModelMetrics(std::size_t threads, std::int64_t batch_rows_max = 0,
                        DetailOptions detail = {});

  ModelShard& shard(std::size_t thread) {
    PENSTOCK_CHECK(thread < shards_.size());
    return *shards_[thread];
  }
  ModelCounts counts() const;
  BatchSizeTable batch_sizes() const;
  // The quantiles that were asked for, over RecentCounts::kWindow; empty: none were.
  PerDuration<std::vector<QuantileSample>> quantiles(base::Nanos now);

 private:
  std::vector<QuantileSample> quantiles_of(Duration duration, RecentCounts& recent,
                                           base::Nanos now) const;

  const DetailOptions detail_;
  std::vector<std::unique_ptr<ModelShard>> shards_;
  base::Monitor<PerDuration<RecentCounts>> recent_;
};

}  // namespace penstock::telemetry
