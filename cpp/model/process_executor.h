// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/event_fd.h"
#include "base/log.h"
#include "base/monitor.h"
#include "base/tensor.h"
#include "model/executor.h"
#include "model/restart_policy.h"
#include "model/worker_process.h"

namespace penstock::model {

// A model whose instances are processes of their own, so that none of them can take the server with
// it. Every instance thread of the version calls the same executor, and each batch takes a worker
// that is free: as long as one lives, the death of another fails no batch but its own.
//
//  * A batch whose worker dies fails with kUnavailable and what happened.
//  * While no worker is up, batches fail at once, with why and when the next one is started.
//  * Each worker has a supervisor, a thread that starts it, waits for its end, and starts it again
//    after a wait that doubles with each death in a row (restart_policy.h). A worker is a child of
//    that thread: it does not outlive it, however this process ends.
//  * No call waits for a restart, and a restart waits for no call.
//
// Made and destroyed by the engine's loader; the supervisors end in the destructor.
class ProcessExecutor : public Executor {
 public:
  struct Settings {
    std::string model_name;
    std::string version;
    base::Signature signature;
    WorkerOptions worker;
    std::size_t instances = 1;
    RestartSettings restart = {};
    base::Log* log = nullptr;
  };

  // Starts all workers and waits until each has loaded the model. Fails with what the first one
  // that could not says.
  static base::Result<std::unique_ptr<ProcessExecutor>> open(Settings settings);
  ~ProcessExecutor() override;  // interrupt(), and waits for the processes' end

  const base::Signature& signature() const override { return settings_.signature; }
  ExecutorTraits traits() const override {
    return {.is_native = false,
            .is_thread_safe = true,
            .takes_unaligned = true,
            .sees_requests = sees_requests_};
  }
  base::Result<> run(const ExecutorBatch& batch, std::vector<base::Tensor>& outputs) override;
  base::Result<> run_on_each(const ExecutorBatch& batch, const Inspect& inspect) override;
  // Ends the batches that run: they fail, and so do all that come after.
  void interrupt() override;
  std::optional<WorkerCounts> workers() override;

 private:
  enum class Phase : std::uint8_t {
    kStarting,  // its process, if it is there yet, loads the model
    kIdle,
    kBusy,    // an instance thread uses its process
    kEnding,  // its process is of no use any more
    kDown,    // there is none until retry_ns
  };
  struct Slot {
    Phase phase = Phase::kStarting;
    std::unique_ptr<WorkerProcess> process;  // made and destroyed by its supervisor
    std::string why;                         // it is not up any more
    base::Nanos retry_ns = 0;
  };
  struct State {
    std::vector<Slot> slots;
    bool is_stopping = false;
    bool sees_requests = false;  // the model that was loaded last
    std::uint64_t restarts = 0;
    std::size_t loaded = 0;              // workers that have been up at least once
    std::optional<base::Error> failure;  // of a worker that has not
  };
  using Held = base::Monitor<State>::Held;

  ProcessExecutor(Settings settings, base::EventFd stop);

  using Fields = std::vector<std::pair<std::string, std::string>>;

  // On the supervisors.
  void supervise(std::size_t instance);
  base::Result<> bring_up(std::size_t instance);
  std::string watch(std::size_t instance);
  bool wait_for_retry(std::size_t instance, const std::string& why, base::Nanos wait_ns);
  void tell(base::Severity severity, std::string_view event, std::size_t instance,
            Fields fields) const;

  // On the instance threads. A worker that is free becomes the caller's.
  base::Result<std::size_t> acquire();
  base::Result<> run_on(std::size_t instance, const ExecutorBatch& batch,
                        std::vector<base::Tensor>& outputs);
  void release(std::size_t instance);
  base::Error why_none_is_up(const State& state) const;
  base::Error named(base::Code code, std::string_view rest) const;

  const Settings settings_;
  const base::EventFd stop_;  // readable from interrupt() on
  base::Monitor<State> state_;
  bool sees_requests_ = false;  // as the first load said; constant once open() has returned
  std::vector<std::thread> supervisors_;
};

}  // namespace penstock::model
