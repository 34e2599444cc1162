// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/tensor.h"
#include "batching/batch.h"
#include "batching/batcher.h"
#include "drift/tap.h"
#include "model/executor.h"
#include "model/reshape.h"
#include "telemetry/exposition.h"
#include "telemetry/model_metrics.h"
#include "wire/v2_messages.h"

namespace penstock::serving {

// Where requests of a version are executed.
enum class Lane : std::uint8_t {
  kInline,  // on the io threads, at the end of each pass of their loops
  kBatch,   // on instance threads of its own, which pull from its queue
};

// One loaded version: its executors, its lane, its counters. Made by the engine's loader and
// published in a VersionTable; taken apart by retire() and its destructor on the thread that
// unloads it, when no io thread can reach it any more.
class Version {
 public:
  struct Options {
    std::string name;
    std::int64_t number = 1;
    std::string platform = {};
    wire::ModelNotes notes = {};
    Lane lane = Lane::kBatch;
    batching::QueueSettings queue = {};
    std::size_t instance_count = 1;
    telemetry::MetricTags metric_tags = {};
    telemetry::DetailOptions metric_detail = {};
    base::Nanos load_ns = 0;   // that loading it took
    base::Log* log = nullptr;  // of the engine
    // Where requests and answers have other shapes than the executors.
    std::optional<model::Reshaping> reshaping = std::nullopt;
    // Names of classes, for the classification of outputs; by the signature's order, or empty.
    std::vector<std::vector<std::string>> labels = {};
  };

  // What one io thread, or the shadow desk, keeps for this version; nobody else writes it.
  class alignas(telemetry::kCacheLineBytes) IoShare {
   public:
    Version* version = nullptr;
    std::unique_ptr<batching::BatchRunner> runner;
    std::vector<std::unique_ptr<batching::Ticket>> gathered;  // of the pass under way
    telemetry::ModelShard* metrics = nullptr;

    // What this io thread has that refers to this version: calls, and tickets that it gathers.
    // While there is any the version is not taken apart. After release(), the thread touches
    // neither this nor the version.
    void hold() { holds_.store(holds() + 1, std::memory_order_relaxed); }
    void release() { holds_.store(holds() - 1, std::memory_order_release); }
    std::int64_t holds() const { return holds_.load(std::memory_order_acquire); }

    // After each pass that executed `rows` rows in `spent_ns`: a version that is too slow for an
    // io thread, on which every other connection waits, leaves the inline lane.
    void judge_pass(std::int64_t rows, base::Nanos spent_ns);

   private:
    std::atomic<std::int64_t> holds_ = 0;  // written by the io thread alone
    int overruns_ = 0;                     // passes in a row
  };

  // `executors`: one per instance, or one for all where it is thread-safe.
  Version(Options options, std::vector<std::unique_ptr<model::Executor>> executors,
          std::size_t io_threads, batching::Batcher::Deliver deliver);
  Version(const Version&) = delete;
  Version& operator=(const Version&) = delete;
  // Batches that still run are not waited for where their executor can be interrupted.
  ~Version();

  const std::string& name() const { return options_.name; }
  std::int64_t number() const { return options_.number; }
  const std::string& number_text() const { return number_text_; }
  const std::string& platform() const { return options_.platform; }
  const wire::ModelNotes& notes() const { return options_.notes; }
  // As requests and answers see it.
  const base::Signature& signature() const {
    return options_.reshaping ? options_.reshaping->signature : executors_.front()->signature();
  }
  const std::optional<model::Reshaping>& reshaping() const { return options_.reshaping; }
  // The same for whoever must not keep the version for it.
  const std::shared_ptr<const base::Signature>& kept_signature() const { return kept_signature_; }
  std::span<const std::string> labels_of(std::size_t output) const {
    return output < options_.labels.size() ? options_.labels[output]
                                           : std::span<const std::string>();
  }
  // Whether tickets are to carry their requests' facts.
  bool sees_requests() const { return executors_.front()->traits().sees_requests; }

  Lane lane() const { return lane_.load(std::memory_order_relaxed); }
  // Requests that come from now on wait for an instance thread. For a version that turned out too
  // slow for the io threads: `rows` of it took `spent_ns` of one pass.
  void leave_inline_lane(std::int64_t rows, base::Nanos spent_ns);

  // What looks at its rows; null: nobody does. One load for each request.
  const drift::Tap* tap() const { return tap_.load(std::memory_order_acquire); }
  // From one thread at a time. Calls under way have those before, which stay as long as this does.
  void set_tap(std::shared_ptr<const drift::Tap> tap);

  // Calls that are under way. From any thread.
  std::int64_t calls() const;
  IoShare& share(std::size_t io_thread) { return shares_[io_thread]; }
  // The shadow desk's own, which is no io thread (serving/shadow_desk.h).
  IoShare& desk_share() { return shares_.back(); }
  batching::Batcher& batcher() { return batcher_; }
  telemetry::ModelMetrics& metrics() { return metrics_; }
  // What metrics() has counted, and what its executor and its queue say at present.
  telemetry::ModelCounts counts();
  // The same with what else the page of metrics tells of it; refers to this version.
  telemetry::ModelSample sample(base::Nanos now);

  // Whether more requests wait than its instances take in their next batches: it has nothing to
  // spare for shadows. Looks at no lock.
  bool is_backed_up() const;

  // Rows that one execution on the inline lane takes at most; 0: one ticket at a time.
  std::int64_t inline_rows_max() const;
  // Executes `tickets` on the calling io thread; returns when that was done.
  base::Nanos run_inline(IoShare& share, std::span<const std::unique_ptr<batching::Ticket>> tickets,
                         std::vector<batching::Reply>& replies, base::Nanos now);

  // Once no io thread can find this version any more: lets what was accepted be executed and
  // waits until it is answered, or until there are no io threads that could. On the thread that
  // unloads it.
  void retire(const std::function<bool()>& io_has_ended);

 private:
  void interrupt();

  const Options options_;
  const std::string number_text_;
  const std::vector<std::unique_ptr<model::Executor>> executors_;
  const std::shared_ptr<const base::Signature> kept_signature_;
  telemetry::ModelMetrics metrics_;
  std::vector<IoShare> shares_;  // by io thread, and the desk's
  std::atomic<Lane> lane_;
  std::vector<std::shared_ptr<const drift::Tap>> taps_;
  std::atomic<const drift::Tap*> tap_ = nullptr;
  batching::Batcher batcher_;  // last: its threads use all of the above
};

}  // namespace penstock::serving
