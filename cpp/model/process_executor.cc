// SPDX-License-Identifier: Apache-2.0
#include "model/process_executor.h"

#include <algorithm>

namespace penstock::model {
namespace {

using base::Code;
using base::fail;
using base::Nanos;
using base::Result;

// How often a worker's memory is looked at, besides after each batch.
constexpr Nanos kMemoryLook = 50 * base::kMillisecond;
// What an idle worker gets for its own end when the model is unloaded.
constexpr Nanos kEndGrace = base::kSecond;

}  // namespace

Result<std::unique_ptr<ProcessExecutor>> ProcessExecutor::open(Settings settings) {
  auto stop = base::EventFd::open();
  if (!stop) return std::unexpected(stop.error());
  std::unique_ptr<ProcessExecutor> made(new ProcessExecutor(std::move(settings), std::move(*stop)));
  const std::size_t instances = made->settings_.instances;
  for (std::size_t i = 0; i < instances; ++i) {
    made->supervisors_.emplace_back([self = made.get(), i] { self->supervise(i); });
  }
  auto state = made->state_.lock();
  while (!state->failure && state->loaded < instances) state.wait();
  if (!state->failure) {
    // Workers that are started again may have a changed model.py: what they are told stays.
    made->sees_requests_ = state->sees_requests;
    state.release();
    return made;
  }
  base::Error failure = *state->failure;
  state.release();
  return std::unexpected(std::move(failure));
}

ProcessExecutor::ProcessExecutor(Settings settings, base::EventFd stop)
    : settings_(std::move(settings)), stop_(std::move(stop)) {
  state_.lock()->slots.resize(settings_.instances);
}

ProcessExecutor::~ProcessExecutor() {
  interrupt();
  for (std::thread& supervisor : supervisors_) supervisor.join();
}

// ---------------------------------------------------------------------------------------------
// The supervisors

void ProcessExecutor::supervise(std::size_t instance) {
  RestartBackoff backoff;
  for (bool was_up = false;;) {
    const Nanos began = base::monotonic_now();
    auto is_up = bring_up(instance);
    const Nanos up_ns = base::monotonic_now();
    if (!is_up && !was_up) {
      auto state = state_.lock();
      if (!state->failure) state->failure = std::move(is_up).error();
      state_.notify_all();
      return;
    }
    if (is_up && was_up) {
      ++state_.lock()->restarts;
      tell(base::Severity::kInfo, "model_worker_restarted", instance,
           {{"took", seconds_text(up_ns - began)}});
    }
    if (is_up && !was_up) {
      was_up = true;
      ++state_.lock()->loaded;
      state_.notify_all();
    }
    const std::string why =
        is_up ? watch(instance) : "its process could not load it again: " + is_up.error().why;
    const Nanos lived_ns = is_up ? base::monotonic_now() - up_ns : 0;
    backoff = backoff.after_death(lived_ns, settings_.restart);
    if (!wait_for_retry(instance, why, backoff.wait_ns)) return;
  }
}

// Starts the process and lets it load the model.
Result<> ProcessExecutor::bring_up(std::size_t instance) {
  auto spawned = WorkerProcess::spawn(settings_.worker);
  if (!spawned) return std::unexpected(std::move(spawned).error());
  WorkerProcess& process = **spawned;
  {
    auto state = state_.lock();
    if (state->is_stopping) return fail(Code::kUnavailable, "it is being stopped");
    state->slots[instance].process = *std::move(spawned);
  }
  auto loaded = process.load(instance);
  std::unique_ptr<WorkerProcess> failed;
  {
    auto state = state_.lock();
    Slot& slot = state->slots[instance];
    if (loaded) {
      slot.phase = Phase::kIdle;
      slot.why.clear();
      state->sees_requests = process.sees_requests();
    } else {
      failed = std::move(slot.process);
    }
  }
  state_.notify_all();
  return loaded;
}

// Waits for the process's end; returns how that came about, when nobody uses it any more.
std::string ProcessExecutor::watch(std::size_t instance) {
  // Only this thread takes it out of its slot.
  WorkerProcess& process = *state_.lock()->slots[instance].process;
  const bool has_bound = settings_.worker.memory_bytes_max > 0;
  for (;;) {
    const Nanos look = has_bound ? base::monotonic_now() + kMemoryLook : base::kNever;
    if (process.child().wait_for_end(look, stop_.fd())) break;
    if (state_.lock()->is_stopping) {
      process.close();
      if (!process.child().wait_for_end(base::monotonic_now() + kEndGrace)) {
        process.end(WorkerProcess::Verdict::kStop);
        process.child().wait_for_end(base::kNever);
      }
      break;
    }
    process.check_memory();
  }
  std::unique_ptr<WorkerProcess> ended;
  {
    auto state = state_.lock();
    Slot& slot = state->slots[instance];
    while (slot.phase == Phase::kBusy) state.wait();
    slot.phase = Phase::kEnding;
    ended = std::move(slot.process);
  }
  return "its process " + ended->story();
}

// False: there is nothing to wait for, the model is being stopped.
bool ProcessExecutor::wait_for_retry(std::size_t instance, const std::string& why, Nanos wait_ns) {
  const Nanos retry_ns = base::monotonic_now() + wait_ns;
  if (!state_.lock()->is_stopping) {
    tell(base::Severity::kWarning, "model_worker_died", instance,
         {{"reason", why}, {"restart_in", seconds_text(wait_ns)}});
  }
  auto state = state_.lock();
  Slot& slot = state->slots[instance];
  slot.phase = Phase::kDown;
  slot.why = why;
  slot.retry_ns = retry_ns;
  state_.notify_all();
  while (!state->is_stopping && base::monotonic_now() < retry_ns) state.wait_until(retry_ns);
  slot.phase = Phase::kStarting;
  return !state->is_stopping;
}

void ProcessExecutor::tell(base::Severity severity, std::string_view event, std::size_t instance,
                           Fields fields) const {
  if (settings_.log == nullptr) return;
  Fields told{{"model", settings_.model_name},
              {"version", settings_.version},
              {"instance", std::to_string(instance)}};
  std::ranges::move(fields, std::back_inserter(told));
  settings_.log->write(severity, event, std::move(told));
}

// ---------------------------------------------------------------------------------------------
// The instance threads

Result<> ProcessExecutor::run(const ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
  const auto instance = acquire();
  if (!instance) return std::unexpected(instance.error());
  auto done = run_on(*instance, batch, outputs);
  release(*instance);
  return done;
}

// Those that were had are kept until the end, so that each next one is another.
Result<> ProcessExecutor::run_on_each(const ExecutorBatch& batch, const Inspect& inspect) {
  std::vector<std::size_t> held;
  Result<> done;
  while (done && held.size() < settings_.instances) {
    const auto instance = acquire();
    if (!instance) {
      done = std::unexpected(instance.error());
      break;
    }
    held.push_back(*instance);
    done = try_out(
        batch,
        [&](const ExecutorBatch& own, std::vector<base::Tensor>& outputs) {
          return run_on(*instance, own, outputs);
        },
        inspect);
  }
  for (const std::size_t instance : held) release(instance);
  return done;
}

Result<> ProcessExecutor::run_on(std::size_t instance, const ExecutorBatch& batch,
                                 std::vector<base::Tensor>& outputs) {
  WorkerProcess& process = *state_.lock()->slots[instance].process;
  auto done = process.run(batch, settings_.signature, outputs);
  process.check_memory();
  // What the model raised says already whose it is.
  if (done || done.error().code == Code::kInternal) return done;
  return std::unexpected(named(done.error().code, done.error().why));
}

Result<std::size_t> ProcessExecutor::acquire() {
  auto state = state_.lock();
  for (;;) {
    if (state->is_stopping) {
      return std::unexpected(named(Code::kUnavailable, "it is being stopped"));
    }
    bool is_one_busy = false;
    for (std::size_t i = 0; i < state->slots.size(); ++i) {
      Slot& slot = state->slots[i];
      is_one_busy = is_one_busy || slot.phase == Phase::kBusy;
      if (slot.phase != Phase::kIdle || !slot.process->is_usable()) continue;
      slot.phase = Phase::kBusy;
      return i;
    }
    if (!is_one_busy) return std::unexpected(why_none_is_up(*state));
    state.wait();
  }
}

void ProcessExecutor::release(std::size_t instance) {
  {
    auto state = state_.lock();
    Slot& slot = state->slots[instance];
    slot.phase = slot.process->is_usable() ? Phase::kIdle : Phase::kEnding;
    if (slot.phase == Phase::kEnding) slot.why = "its process " + slot.process->story();
  }
  state_.notify_all();
}

// The one that is tried again first stands for all.
base::Error ProcessExecutor::why_none_is_up(const State& state) const {
  const Slot* first = nullptr;
  for (const Slot& slot : state.slots) {
    if (slot.phase == Phase::kDown && (first == nullptr || slot.retry_ns < first->retry_ns)) {
      first = &slot;
    }
  }
  if (first != nullptr) {
    const Nanos left = std::max<Nanos>(first->retry_ns - base::monotonic_now(), 0);
    return named(Code::kUnavailable, first->why + "; it is started again in " +
                                         seconds_text(std::max(left, base::kMillisecond)));
  }
  for (const Slot& slot : state.slots) {
    if (!slot.why.empty()) {
      return named(Code::kUnavailable, slot.why + "; it is being started again");
    }
  }
  return named(Code::kUnavailable, "its process has ended and is being started again");
}

void ProcessExecutor::interrupt() {
  {
    auto state = state_.lock();
    state->is_stopping = true;
    for (const Slot& slot : state->slots) {
      const bool is_at_work = slot.phase == Phase::kBusy || slot.phase == Phase::kStarting;
      if (slot.process != nullptr && is_at_work) slot.process->end(WorkerProcess::Verdict::kStop);
    }
  }
  stop_.notify();
  state_.notify_all();
}

std::optional<WorkerCounts> ProcessExecutor::workers() {
  auto state = state_.lock();
  WorkerCounts counts{.up = 0, .restarts = state->restarts};
  for (const Slot& slot : state->slots) {
    if (slot.phase == Phase::kIdle || slot.phase == Phase::kBusy) ++counts.up;
  }
  return counts;
}

base::Error ProcessExecutor::named(Code code, std::string_view rest) const {
  return {code, "model \"" + settings_.model_name + "\": " + std::string(rest)};
}

}  // namespace penstock::model
