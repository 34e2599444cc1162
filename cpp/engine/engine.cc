// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <algorithm>
#include <ctime>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/heap.h"
#include "base/text.h"
#include "drift/aggregator.h"
#include "serving/shadow_desk.h"
#include "telemetry/exposition.h"

namespace penstock::engine {
namespace {

using base::Code;
using base::fail;
using base::Result;

// Answers that may wait for one io thread: more than its queues together can hold in practice.
// Beyond it instance threads wait, for an answer is never dropped.
constexpr std::size_t kMailboxMax = std::size_t{1} << 20;
// How often a retirement looks whether every io thread has seen the new table.
constexpr timespec kSeenLook{.tv_sec = 0, .tv_nsec = base::kMillisecond};

model::OrtRuntime::Log ort_log(base::Log& log) {
  return [&log](model::ort::Severity severity, std::string_view line) {
    const base::Severity as = severity >= model::ort::kError     ? base::Severity::kError
                              : severity == model::ort::kWarning ? base::Severity::kWarning
                                                                 : base::Severity::kInfo;
    log.write(as, "onnxruntime_said", {{"line", std::string(line)}});
  };
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(Options options) {
  auto log = base::Log::open();
  if (!log) return std::unexpected(log.error());
  base::keep_heap_small();
  std::unique_ptr<Engine> engine(new Engine(std::move(options), std::move(*log)));
  const Options& wanted = engine->options_;
  if (!wanted.onnxruntime_library.empty()) {
    auto ort = model::OrtRuntime::open({.library = wanted.onnxruntime_library,
                                        .preloads = wanted.preload_libraries,
                                        .log = ort_log(*engine->log_)});
    if (!ort) return std::unexpected(ort.error());
    engine->ort_ = std::move(*ort);
  }
  if (auto made = engine->make_io_threads(); !made) return std::unexpected(made.error());
  return engine;
}

Engine::Engine(Options options, std::unique_ptr<base::Log> log)
    : options_(std::move(options)),
      log_(std::move(log)),
      server_metrics_(options_.io_threads),
      machine_(options_.metrics.machine),
      versions_(options_.io_threads + 1),
      routes_(options_.io_threads),
      regions_(options_.allows_client_shm
                   ? std::make_unique<memory::RegionTable>(options_.client_shm_regions_max)
                   : nullptr) {
  versions_.publish(std::make_shared<serving::VersionTable>());
  routes_.publish(std::make_shared<serving::RouteTable>());
}

Engine::~Engine() { stop(); }

Result<> Engine::make_io_threads() {
  net::IoOptions io = options_.io;
  io.about = serving::about(options_.identity);
  auto bridge = serving::Bridge::open(
      {.io_threads = options_.io_threads, .calls_max = options_.hosted_calls_max},
      [this](std::size_t io_thread) { io_[io_thread].thread->wake(); });
  if (!bridge) return std::unexpected(bridge.error());
  bridge_ = std::move(*bridge);
  auto shadows = serving::ShadowDesk::open(options_.io_threads, versions_);
  if (!shadows) return std::unexpected(shadows.error());
  shadows_ = std::move(*shadows);
  auto drift = drift::Aggregator::open(options_.io_threads);
  if (!drift) return std::unexpected(drift.error());
  drift_ = std::move(*drift);
  auto wakes = serving::Wakes::open(options_.io_threads);
  if (!wakes) return std::unexpected(wakes.error());
  wakes_ = std::move(*wakes);
  auto verdicts = base::EventFd::open();
  if (!verdicts) return std::unexpected(verdicts.error());
  verdicts_.emplace(std::move(*verdicts));
  for (std::size_t i = 0; i < options_.io_threads; ++i) {
    auto thread = net::IoThread::open(io);
    if (!thread) return std::unexpected(thread.error());
    Io& made = io_.emplace_back();
    made.thread = std::move(*thread);
    made.mailbox = std::make_unique<serving::Mailbox>(kMailboxMax);
    made.service = std::make_unique<IoService>(
        *log_, serving::Front::Context{
                   .io_thread = i,
                   .options = &options_.front,
                   .identity = &options_.identity,
                   .readiness = &readiness_,
                   .versions = &versions_,
                   .routes = &routes_,
                   .mailbox = made.mailbox.get(),
                   .bridge = bridge_.get(),
                   .wakes = wakes_.get(),
                   .regions = regions_.get(),
                   .shadows = shadows_.get(),
                   .drift = drift_.get(),
                   .metrics = &server_metrics_.shard(i),
                   .touch = [host = made.thread.get()](std::uint32_t slot) { host->touch(slot); },
                   .peer_of_slot = [host = made.thread.get()](
                                       std::uint32_t slot) { return host->peer_of(slot); }});
  }
  return {};
}

Result<> Engine::start() {
  auto stage = stage_.lock();
  if (*stage != Stage::kOpen) {
    return fail(Code::kFailedPrecondition, "the engine was started before");
  }
  std::vector<net::Listener> listeners;
  const auto listen = [&listeners](const std::optional<net::ListenOptions>& where, net::Port kind,
                                   std::uint16_t& port) -> Result<> {
    if (!where) return {};
    auto acceptor = net::Acceptor::listen(*where);
    if (!acceptor) return std::unexpected(acceptor.error());
    port = acceptor->port();
    listeners.push_back({std::move(*acceptor), kind});
    return {};
  };
  if (auto grpc = listen(options_.grpc, net::Port::kGrpc, grpc_port_); !grpc) return grpc;
  if (auto rest = listen(options_.rest, net::Port::kRest, rest_port_); !rest) return rest;
  shadows_->start();
  std::vector<net::IoThread*> threads;
  for (const Io& io : io_) threads.push_back(io.thread.get());
  for (std::size_t i = 1; i < io_.size(); ++i) io_[i].thread->start(*io_[i].service, {}, {});
  io_[0].thread->start(*io_[0].service, std::move(listeners), std::move(threads));
  *stage = Stage::kStarted;
  return {};
}

// Called by instance threads.
void Engine::deliver(std::span<batching::Reply> replies) {
  const auto io_thread_of = [](const batching::Reply& reply) { return reply.address.io_thread; };
  if (!std::ranges::is_sorted(replies, {}, io_thread_of)) {
    std::ranges::stable_sort(replies, {}, io_thread_of);
  }
  while (!replies.empty()) {
    const std::uint32_t to = replies.front().address.io_thread;
    const auto end = std::ranges::find_if(
        replies, [to](const batching::Reply& reply) { return reply.address.io_thread != to; });
    std::span<batching::Reply> own = replies.first(static_cast<std::size_t>(end - replies.begin()));
    replies = replies.subspan(own.size());
    if (to == shadows_->address()) {
      shadows_->deliver(own);
      continue;
    }
    while (!own.empty()) {
      const auto pushed = io_[to].mailbox->push_all(own);
      if (pushed.needs_wake) io_[to].thread->wake();
      own = own.subspan(pushed.taken);
      if (!own.empty()) std::this_thread::yield();
    }
  }
}

// ---------------------------------------------------------------------------------------------
// Models

std::expected<Loaded, LoadFailure> Engine::prepare(const ModelSpec& spec, Executors given) {
  return load_version(spec, std::move(given), ort_.get(), *log_, options_.metrics, io_.size(),
                      [this](std::span<batching::Reply> replies) { deliver(replies); });
}

Result<> Engine::serve(Loaded loaded) {
  const std::string name = loaded.version->name();
  return publish(
      name,
      {.number = loaded.version->number(), .version = std::move(loaded.version), .failure = {}});
}

std::expected<LoadedModel, LoadFailure> Engine::load(const ModelSpec& spec, Executors given) {
  auto loaded = prepare(spec, std::move(given));
  if (!loaded) return std::unexpected(loaded.error());
  LoadedModel model = loaded->model;
  if (auto served = serve(*std::move(loaded)); !served) return std::unexpected(served.error());
  return model;
}

void Engine::set_failed(const std::string& name, std::int64_t version, std::string reason) {
  if (reason.empty()) reason = "it failed to load";
  publish(name, {.number = version, .version = nullptr, .failure = std::move(reason)});
}

Result<> Engine::unload(const std::string& name, std::int64_t version) {
  const auto table = versions_.latest();
  const serving::ModelEntry* const model = table->model(name);
  const bool is_there = model != nullptr &&
                        std::ranges::find(model->versions, version,
                                          &serving::VersionEntry::number) != model->versions.end();
  if (!is_there) {
    return fail(Code::kNotFound,
                "model \"" + name + "\" has no version " + std::to_string(version));
  }
  return publish(name, {.number = version, .version = nullptr, .failure = {}});
}

Result<> Engine::set_asleep(const std::string& name, std::int64_t version, std::string refusal) {
  const std::uint64_t refusals = refusal.empty() ? refusals_.load() : ++refusals_;
  return publish(name, {.number = version,
                        .version = nullptr,
                        .failure = std::move(refusal),
                        .is_asleep = true,
                        .refusals = refusals});
}

std::vector<VersionUse> Engine::uses() {
  std::vector<VersionUse> uses;
  versions_.latest()->for_each_version(
      [&](const std::string& name, const serving::VersionEntry& entry) {
        if (entry.version == nullptr) return;
        uses.push_back({.model = name,
                        .version = entry.number,
                        .last_inference_ms = entry.version->counts().last_inference_ms,
                        .calls = entry.version->calls()});
      });
  return uses;
}

void Engine::trim_memory() { base::trim_heap(); }

Result<> Engine::publish(const std::string& name, serving::VersionEntry entry) {
  std::shared_ptr<serving::Version> before;
  std::uint64_t number = 0;
  {
    const auto stage = stage_.lock();
    if (*stage == Stage::kStopping || *stage == Stage::kStopped) {
      return fail(Code::kFailedPrecondition, "the engine has stopped");
    }
    auto table = std::make_shared<serving::VersionTable>(*versions_.latest());
    before = table->replace(name, std::move(entry));
    number = versions_.publish(std::move(table));
  }
  wake_io_threads();  // somebody may watch the model's health
  if (before != nullptr) retire(std::move(before), number);
  return {};
}

// Takes `version` apart on this thread, when no io thread can reach it any more.
void Engine::retire(std::shared_ptr<serving::Version> version, std::uint64_t gone_since) {
  // While they are being stopped, too, they may still use it.
  const auto has_io_threads = [this] {
    const Stage stage = *stage_.lock();
    return stage == Stage::kStarted || stage == Stage::kStopping;
  };
  while (has_io_threads() && !versions_.is_seen_by_all(gone_since)) {
    nanosleep(&kSeenLook, nullptr);
  }
  version->retire([&] { return !has_io_threads(); });
}

// ---------------------------------------------------------------------------------------------
// Routes

Result<std::shared_ptr<serving::Trial>> Engine::open_trial(serving::TrialOptions options) {
  auto trial = serving::Trial::open(std::move(options), io_.size(), *verdicts_);
  if (trial) {
    const auto stage = stage_.lock();
    trials_.push_back(*trial);
  }
  return trial;
}

std::shared_ptr<serving::Shadow> Engine::open_shadow(serving::ShadowOptions options) const {
  return std::make_shared<serving::Shadow>(std::move(options), io_.size());
}

Result<> Engine::set_route(routing::RouteSpec spec, std::shared_ptr<serving::Trial> trial,
                           std::uint32_t epoch,
                           std::vector<std::shared_ptr<serving::Shadow>> shadows) {
  PENSTOCK_CHECK(spec.shadows.size() == shadows.size());
  auto route = routing::Route::make(std::move(spec));
  if (!route) return std::unexpected(route.error());
  auto routed = std::make_shared<const serving::RoutedModel>(
      serving::RoutedModel{.route = *std::move(route),
                           .trial = std::move(trial),
                           .epoch = epoch,
                           .shadows = std::move(shadows)});
  const auto stage = stage_.lock();  // guards publishing
  serving::RouteTable table = *routes_.latest();
  table.set(std::move(routed));
  publish_routes(std::move(table));
  return {};
}

void Engine::remove_route(std::string_view name) {
  const auto stage = stage_.lock();
  serving::RouteTable table = *routes_.latest();
  table.remove(name);
  publish_routes(std::move(table));
}

// The caller holds the stage. Whatever trial nobody else has any more goes here.
void Engine::publish_routes(serving::RouteTable table) {
  routes_.publish(std::make_shared<const serving::RouteTable>(std::move(table)));
  std::erase_if(trials_, [](const auto& trial) { return trial.use_count() == 1; });
}

// ---------------------------------------------------------------------------------------------
// Watches

std::shared_ptr<serving::Version> Engine::loaded(std::string_view model, std::int64_t version) {
  const auto table = versions_.latest();
  const serving::VersionEntry* const entry = table->entry(model, version);
  return entry == nullptr ? nullptr : entry->version;
}

Result<std::shared_ptr<drift::Watch>> Engine::open_watch(std::string_view model,
                                                         std::int64_t version,
                                                         std::vector<drift::ColumnSpec> columns,
                                                         const drift::WatchOptions& options) {
  const auto found = loaded(model, version);
  if (found == nullptr) {
    return fail(Code::kNotFound, "version " + std::to_string(version) + " of model " +
                                     base::quote(model) + " is not loaded");
  }
  return open_watch(*found, std::move(columns), options);
}

Result<std::shared_ptr<drift::Watch>> Engine::open_watch(serving::Version& version,
                                                         std::vector<drift::ColumnSpec> columns,
                                                         const drift::WatchOptions& options) {
  if (!(options.share > 0 && options.share <= 1)) {
    return fail(Code::kInvalidArgument, "wanted a share of requests above 0 and at most 1, found " +
                                            std::to_string(options.share));
  }
  auto plan = drift::Plan::make(std::move(columns), version.signature());
  if (!plan) return std::unexpected(std::move(plan).error());
  auto watch = drift_->open_watch(*std::move(plan), options);
  if (!watch) return watch;
  const auto stage = stage_.lock();  // one tap at a time
  version.set_tap((*watch)->tap());
  return watch;
}

std::uint64_t Engine::worker_restarts(std::string_view model, std::int64_t version) {
  const auto found = loaded(model, version);
  return found == nullptr ? 0 : found->counts().worker_restarts;
}

// ---------------------------------------------------------------------------------------------
// Readiness

void Engine::wake_io_threads() const {
  for (const Io& io : io_) io.thread->wake();
}

void Engine::set_ready(bool is_ready) {
  readiness_.set_ready(is_ready);
  wake_io_threads();
}

void Engine::begin_drain() {
  // In this order: whoever is told that the server is not ready hears the end with it.
  for (const Io& io : io_) io.thread->post_retire();
  readiness_.begin_drain();
}

// ---------------------------------------------------------------------------------------------
// The end

void Engine::drain_connections() {
  for (const Io& io : io_) io.thread->post_drain();
}

std::size_t Engine::connections() const {
  std::size_t sum = 0;
  for (const Io& io : io_) sum += io.thread->connections();
  return sum;
}

void Engine::stop() {
  {
    auto stage = stage_.lock();
    while (*stage == Stage::kStopping) stage.wait();
    if (*stage == Stage::kStopped) return;
    *stage = Stage::kStopping;
  }
  begin_drain();
  for (const Io& io : io_) io.thread->join();
  shadows_->stop();  // it uses versions, as they do
  drift_->stop();
  *stage_.lock() = Stage::kStopped;
  stage_.notify_all();
  // The last table that names them goes here, and with it the versions and their threads: on this
  // thread, and before the mailboxes that they deliver into.
  versions_.publish(std::make_shared<serving::VersionTable>());
  for (std::size_t i = 0; i < io_.size(); ++i) versions_.look(i);
}

Result<memory::RegionTable*> Engine::regions() {
  if (regions_ == nullptr) return std::unexpected(serving::shared_memory_is_off());
  return regions_.get();
}

std::string Engine::metrics_text() {
  const base::Nanos now = base::monotonic_now();
  const auto table = versions_.latest();  // keeps alive what samples refer to
  std::vector<telemetry::ModelSample> models;
  table->for_each_version([&](const std::string&, const serving::VersionEntry& entry) {
    if (entry.version != nullptr) models.push_back(entry.version->sample(now));
  });
  return telemetry::expose(server_metrics_.counts(), models, machine_.look(now),
                           options_.metrics.exposition);
}

std::vector<VersionStatistics> Engine::statistics(std::string_view model) {
  const auto table = versions_.latest();
  std::vector<VersionStatistics> told;
  table->for_each_version([&](const std::string& name, const serving::VersionEntry& entry) {
    if (entry.version == nullptr || (!model.empty() && name != model)) return;
    told.push_back({.model = name,
                    .version = entry.number,
                    .counts = entry.version->counts(),
                    .batch_sizes = entry.version->metrics().batch_sizes()});
  });
  return told;
}

}  // namespace penstock::engine
