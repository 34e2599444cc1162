// SPDX-License-Identifier: Apache-2.0
#include "serving/version.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "model/cost.h"

namespace penstock::serving {
namespace {

// How often retire() looks whether the last call has been answered.
constexpr base::Nanos kRetireLook = base::kMillisecond;
// How often it looks, while batches run, whether there is still somebody to answer.
constexpr base::Nanos kIdleLook = 100 * base::kMillisecond;

// What one pass may spend on one version, unless that is many cheap rows.
constexpr base::Nanos kInlineBudget = 5 * base::kMillisecond;
// One slow pass may be the system's doing; this many in a row are the model's.
constexpr int kOverrunsMax = 3;

// Coarse: a few milliseconds are near enough for "when was it last asked", at a fifth of the price.
std::uint64_t wall_ms() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 +
         static_cast<std::uint64_t>(now.tv_nsec) / base::kMillisecond;
}

base::Result<> execute(model::Executor& executor, const batching::BatchView& batch,
                       std::vector<base::Tensor>& outputs) {
  return executor.run({.rows = batch.rows,
                       .inputs = batch.inputs,
                       .request_rows = batch.request_rows,
                       .request_facts = batch.request_facts,
                       .answers = batch.answers},
                      outputs);
}

void count(telemetry::ModelShard& metrics, const batching::BatchReport& batch) {
  if (!batch.is_ok) return;
  metrics.record_batch({.rows = static_cast<std::uint64_t>(batch.rows),
                        .compute_input_ns = batch.compute_input_ns,
                        .compute_infer_ns = batch.compute_infer_ns,
                        .compute_output_ns = batch.compute_output_ns},
                       wall_ms());
}

// Instance threads count in the shards behind those of the io threads and of the shadow desk.
std::vector<batching::Batcher::Instance> instances_of(
    const Version::Options& options, const std::vector<std::unique_ptr<model::Executor>>& executors,
    telemetry::ModelMetrics& metrics, std::size_t io_threads) {
  std::vector<batching::Batcher::Instance> instances;
  for (std::size_t i = 0; i < options.instance_count; ++i) {
    model::Executor& executor = *executors[i % executors.size()];
    instances.push_back(
        {.thread_name = options.name,
         .execute =
             [&executor](const batching::BatchView& batch, std::vector<base::Tensor>& outputs) {
               return execute(executor, batch, outputs);
             },
         .observe = [&shard = metrics.shard(io_threads + 1 + i)](
                        const batching::BatchReport& batch) { count(shard, batch); }});
  }
  return instances;
}

}  // namespace

Version::Version(Options options, std::vector<std::unique_ptr<model::Executor>> executors,
                 std::size_t io_threads, batching::Batcher::Deliver deliver)
    : options_(std::move(options)),
      number_text_(std::to_string(options_.number)),
      executors_(std::move(executors)),
      kept_signature_(std::make_shared<base::Signature>(signature())),
      metrics_(io_threads + 1 + options_.instance_count, signature().batch_rows_max,
               options_.metric_detail),
      shares_(io_threads + 1),
      lane_(options_.lane),
      batcher_({.queue = options_.queue,
                .takes_unaligned = executors_.front()->traits().takes_unaligned},
               executors_.front()->signature(),
               instances_of(options_, executors_, metrics_, io_threads), std::move(deliver)) {
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    shares_[i].version = this;
    shares_[i].metrics = &metrics_.shard(i);
    shares_[i].runner =
        std::make_unique<batching::BatchRunner>(options_.name, executors_.front()->signature(),
                                                executors_.front()->traits().takes_unaligned);
  }
  batcher_.start();
}

Version::~Version() { interrupt(); }

void Version::interrupt() {
  for (const auto& executor : executors_) executor->interrupt();
}

telemetry::ModelCounts Version::counts() {
  telemetry::ModelCounts counts = metrics_.counts();
  counts.pending = static_cast<std::int64_t>(batcher_.queue().size());
  if (const auto workers = executors_.front()->workers()) {
    counts.has_workers = true;
    counts.workers_up = workers->up;
    counts.worker_restarts = workers->restarts;
  }
  return counts;
}

telemetry::ModelSample Version::sample(base::Nanos now) {
  return {.model = options_.name,
          .version = number_text_,
          .counts = counts(),
          .load_ns = options_.load_ns,
          .tags = &options_.metric_tags,
          .quantiles = metrics_.quantiles(now)};
}

std::int64_t Version::calls() const {
  std::int64_t sum = 0;
  for (const IoShare& share : shares_) sum += share.holds();
  return sum;
}

bool Version::is_backed_up() const {
  if (lane() == Lane::kInline) return false;  // nothing waits longer than the pass
  const auto rows_max = static_cast<std::size_t>(std::max<std::int64_t>(1, inline_rows_max()));
  return batcher_.queue().waiting() > options_.instance_count * rows_max;
}

std::int64_t Version::inline_rows_max() const {
  return executors_.front()->traits().gains_from_batching ? signature().batch_rows_max : 0;
}

base::Nanos Version::run_inline(IoShare& share,
                                std::span<const std::unique_ptr<batching::Ticket>> tickets,
                                std::vector<batching::Reply>& replies, base::Nanos now) {
  auto run = [&](const batching::BatchView& batch, std::vector<base::Tensor>& outputs) {
    return execute(*executors_.front(), batch, outputs);
  };
  share.runner->run(tickets, run, replies, now);
  count(*share.metrics, share.runner->report());
  return share.runner->executed_ns();
}

void Version::leave_inline_lane(std::int64_t rows, base::Nanos spent_ns) {
  lane_.store(Lane::kBatch, std::memory_order_relaxed);
  if (options_.log == nullptr) return;
  options_.log->write(base::Severity::kWarning, "version_left_inline_lane",
                      {{"model", options_.name},
                       {"version", number_text_},
                       {"rows", std::to_string(rows)},
                       {"took_us", std::to_string(spent_ns / base::kMicrosecond)}});
}

void Version::set_tap(std::shared_ptr<const drift::Tap> tap) {
  tap_.store(tap.get(), std::memory_order_release);
  if (tap != nullptr) taps_.push_back(std::move(tap));
}

void Version::IoShare::judge_pass(std::int64_t rows, base::Nanos spent_ns) {
  const bool is_overrun = spent_ns > kInlineBudget && spent_ns > rows * model::kInlineRowCostMax;
  overruns_ = is_overrun ? overruns_ + 1 : 0;
  if (overruns_ == kOverrunsMax) version->leave_inline_lane(rows, spent_ns);
}

void Version::retire(const std::function<bool()>& io_has_ended) {
  batcher_.drain();
  while (!batcher_.wait_until_idle(base::monotonic_now() + kIdleLook)) {
    if (io_has_ended()) interrupt();
  }
  const auto is_answered = [this] {
    for (const IoShare& share : shares_) {
      if (share.holds() != 0) return false;
    }
    return true;
  };
  // The io threads answer within a pass of their loops; nothing tells this thread when.
  while (!is_answered() && !io_has_ended()) {
    timespec look{.tv_sec = 0, .tv_nsec = kRetireLook};
    nanosleep(&look, nullptr);
  }
}

}  // namespace penstock::serving
