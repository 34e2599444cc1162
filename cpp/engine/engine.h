// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/event_fd.h"
#include "base/log.h"
#include "base/monitor.h"
#include "engine/io_service.h"
#include "engine/loader.h"
#include "engine/machine_gauge.h"
#include "engine/options.h"
#include "memory/region_table.h"
#include "model/ort_runtime.h"
#include "net/io_thread.h"
#include "serving/asleep.h"
#include "serving/bridge.h"
#include "serving/front.h"
#include "serving/route_table.h"
#include "serving/server_state.h"
#include "serving/trial.h"
#include "serving/version_table.h"
#include "telemetry/batch_sizes.h"
#include "telemetry/model_metrics.h"
#include "telemetry/server_metrics.h"

namespace penstock::drift {
class Aggregator;
class Watch;
struct ColumnSpec;
struct WatchOptions;
}  // namespace penstock::drift

namespace penstock::serving {
class ShadowDesk;
}  // namespace penstock::serving

namespace penstock::engine {

// What one loaded version has counted since it was loaded.
struct VersionStatistics {
  std::string model;
  std::int64_t version = 0;
  telemetry::ModelCounts counts;
  telemetry::BatchSizeTable batch_sizes;
};

// How much one loaded version is used.
struct VersionUse {
  std::string model;
  std::int64_t version = 0;
  std::uint64_t last_inference_ms = 0;  // since 1970, UTC; 0: none yet
  std::int64_t calls = 0;               // under way
};

// Who owns whom, and the three kinds of thread:
//
//   control thread (Python, or main)     load, unload, drain, stop, metrics_text
//     Engine
//       versions    PublishedVersions    an immutable table, swapped as a whole
//         Version                        executors, queue, counters
//           instance threads             one per instance, pull batches from its queue
//       io threads  IoThread             one event loop each, with its connections
//         IoService, Front               the way of a request
//       mailboxes   one per io thread    replies from instance threads
//       shadows     ShadowDesk           one thread: copies of requests, executed and compared
//       drift       Aggregator           one thread: rows of watched versions, counted
//       bridge      Bridge               calls on their way to the control thread and back
//
// Every method is for any control thread; none needs Python.
class Engine {
 public:
  static base::Result<std::unique_ptr<Engine>> open(Options options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();  // stop()

  // Listens and starts the io threads. Once.
  base::Result<> start();
  // The ports in use, also when the system chose them; 0: not listened on.
  std::uint16_t grpc_port() const { return grpc_port_; }
  std::uint16_t rest_port() const { return rest_port_; }

  // Loads a version that no request reaches until it is served. Blocks.
  std::expected<Loaded, LoadFailure> prepare(const ModelSpec& spec, Executors given = {});
  // Requests reach it from now on; the one that was served under its name and number before is
  // retired. Blocks until what that one has accepted is answered.
  base::Result<> serve(Loaded loaded);
  // Both.
  std::expected<LoadedModel, LoadFailure> load(const ModelSpec& spec, Executors given = {});
  // Requests for this version are answered kUnavailable with `reason`.
  void set_failed(const std::string& name, std::int64_t version, std::string reason);
  // kNotFound if there is no such version. Blocks until what it has accepted is answered.
  base::Result<> unload(const std::string& name, std::int64_t version);

  // The version is known and not loaded: the first request for it is parked, and told to wakes().
  // One that is loaded is unloaded. With `refusal`, requests that wait for it are refused with it.
  // Blocks as unload() does.
  base::Result<> set_asleep(const std::string& name, std::int64_t version,
                            std::string refusal = {});
  serving::Wakes& wakes() { return *wakes_; }
  // Of every version that is loaded.
  std::vector<VersionUse> uses();

  // Gives memory that unloaded models left free back to the system. Blocks for some milliseconds.
  static void trim_memory();

  // A candidate to be watched, for a route that names it.
  base::Result<std::shared_ptr<serving::Trial>> open_trial(serving::TrialOptions options);
  // For routes; a shadow is executed and compared by the desk.
  std::shared_ptr<serving::Shadow> open_shadow(serving::ShadowOptions options) const;
  // Requests of the model `spec.name` go by this route, from now on and until it is removed.
  // `shadows`: those that the spec names, in its order.
  // kInvalidArgument for a route that is none (routing::Route::make).
  base::Result<> set_route(routing::RouteSpec spec, std::shared_ptr<serving::Trial> trial,
                           std::uint32_t epoch,
                           std::vector<std::shared_ptr<serving::Shadow>> shadows = {});
  void remove_route(std::string_view name);
  // Rows of a loaded version are counted, from now on and until it is unloaded, or watched in
  // another way. kNotFound if it is not loaded, kInvalidArgument for columns that are none of its
  // own (drift::Plan::make).
  base::Result<std::shared_ptr<drift::Watch>> open_watch(std::string_view model,
                                                         std::int64_t version,
                                                         std::vector<drift::ColumnSpec> columns,
                                                         const drift::WatchOptions& options);
  // The same of a version that is not served yet: from its first request on.
  base::Result<std::shared_ptr<drift::Watch>> open_watch(serving::Version& version,
                                                         std::vector<drift::ColumnSpec> columns,
                                                         const drift::WatchOptions& options);
  // Outlives the engine where somebody keeps it; then it has stopped.
  const std::shared_ptr<drift::Aggregator>& drift() const { return drift_; }
  // Of the processes of a version since it was loaded; 0 for one that has none.
  std::uint64_t worker_restarts(std::string_view model, std::int64_t version);
  // Readable once some trial's judge has decided, until it is cleared.
  const base::EventFd& verdicts() const { return *verdicts_; }

  const serving::Readiness& readiness() const { return readiness_; }
  // What ServerReady and the health service say. Whoever watches is told.
  void set_ready(bool is_ready);
  void begin_drain();
  const DrainOptions& drain_options() const { return options_.drain; }
  // Stops accepting and ends every connection when its last call is answered.
  void drain_connections();
  std::size_t connections() const;
  // Ends and joins every io thread and every instance thread, when its present batch is done.
  void stop();

  // Where copies of requests go.
  serving::ShadowDesk& shadows() { return *shadows_; }
  // Calls that the control thread answers.
  serving::Bridge& bridge() { return *bridge_; }
  // Memory that clients share. kUnavailable if they may not.
  base::Result<memory::RegionTable*> regions();

  std::string metrics_text();
  // Of every loaded version of `model`, or of all models where that is empty: by name and number.
  std::vector<VersionStatistics> statistics(std::string_view model);
  base::Log& log() { return *log_; }

 private:
  Engine(Options options, std::unique_ptr<base::Log> log);
  base::Result<> make_io_threads();
  void wake_io_threads() const;
  void deliver(std::span<batching::Reply> replies);
  base::Result<> publish(const std::string& name, serving::VersionEntry entry);
  void publish_routes(serving::RouteTable table);
  std::shared_ptr<serving::Version> loaded(std::string_view model, std::int64_t version);
  void retire(std::shared_ptr<serving::Version> version, std::uint64_t gone_since);

  struct Io {
    std::unique_ptr<net::IoThread> thread;
    std::unique_ptr<serving::Mailbox> mailbox;
    std::unique_ptr<IoService> service;
  };
  enum class Stage : std::uint8_t { kOpen, kStarted, kStopping, kStopped };

  const Options options_;
  const std::unique_ptr<base::Log> log_;
  std::uint16_t grpc_port_ = 0;
  std::uint16_t rest_port_ = 0;
  std::unique_ptr<model::OrtRuntime> ort_;
  serving::Readiness readiness_;
  telemetry::ServerMetrics server_metrics_;
  MachineGauge machine_;
  serving::PublishedVersions versions_;  // read by the io threads and, last, by the desk
  serving::PublishedRoutes routes_;
  std::optional<base::EventFd> verdicts_;  // there from open() on
  // All that somebody may still use, by the stage's lock. Taking one apart frees megabytes, which
  // no io thread is to do because it was the last to let go of a route.
  std::vector<std::shared_ptr<serving::Trial>> trials_;
  std::unique_ptr<serving::ShadowDesk> shadows_;
  std::shared_ptr<drift::Aggregator> drift_;
  std::unique_ptr<serving::Bridge> bridge_;
  std::unique_ptr<serving::Wakes> wakes_;
  std::atomic<std::uint64_t> refusals_ = 0;
  const std::unique_ptr<memory::RegionTable> regions_;  // null: clients may not share memory
  base::Monitor<Stage> stage_;  // guards publishing, too: tables are made from one another
  std::vector<Io> io_;
};

}  // namespace penstock::engine
