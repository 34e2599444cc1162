// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/tensor.h"
#include "base/unique_fd.h"
#include "model/child_process.h"
#include "model/executor.h"
#include "model/shared_arena.h"
#include "model/worker_message.h"

namespace penstock::model {

// "0.5 s": how long, for a sentence.
std::string seconds_text(base::Nanos duration);

// A worker process as it is wanted, and the bounds it is held to. 0: no bound.
struct WorkerOptions {
  std::vector<std::string> command;  // the program; it finds socket, requests, answers as 3, 4, 5
  std::string document;              // what it is told to load, in its own terms
  base::Nanos batch_ns_max = 60 * base::kSecond;
  base::Nanos load_ns_max = 600 * base::kSecond;
  std::size_t memory_bytes_max = 0;                     // resident
  std::size_t shared_bytes_max = std::size_t{1} << 30;  // of the inputs, and of the outputs
};

// One worker process, from its start to its end: it loads one instance of a model, then runs
// batches one after another. It is not started again; process_executor.h makes another.
//
//  * Whatever the process does, every call returns: with an answer, or with kUnavailable and what
//    became of it, at the latest when its time is over or somebody has ended it.
//  * An answer is copied out of the shared memory before it is looked at.
//
// One thread at a time calls load() and run(); end() and the questions are for any thread.
class WorkerProcess {
 public:
  // Why this server has ended it. The first reason stays.
  enum class Verdict : std::uint8_t { kNone, kBatchTime, kLoadTime, kMemory, kNonsense, kStop };

  // `options` must outlive it. On the thread whose end shall be the process's end, too.
  static base::Result<std::unique_ptr<WorkerProcess>> spawn(const WorkerOptions& options);
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  ~WorkerProcess() = default;  // the child's destructor kills it

  // kInternal with the model's own words if it cannot be loaded.
  base::Result<> load(std::size_t instance);
  // kInternal with the model's own words if it raised; kResourceExhausted beyond shared_bytes_max.
  base::Result<> run(const ExecutorBatch& batch, const base::Signature& signature,
                     std::vector<base::Tensor>& outputs);

  // SIGKILL, for this reason.
  void end(Verdict why);
  // Lets an idle process come to its own end: it sees its socket closed.
  void close();
  // Ends it if it holds more memory than it may.
  void check_memory();
  // False: it has ended or is about to; no further batch can be run.
  bool is_usable() const { return verdict_.load() == Verdict::kNone && !has_left_.load(); }

  // Once it is loaded: whether its model sees each request of a batch.
  bool sees_requests() const { return sees_requests_.load(); }

  const ChildProcess& child() const { return *child_; }
  // How it came to its end: a sentence's rest, behind "its process".
  std::string story() const;

 private:
  WorkerProcess(const WorkerOptions& options, base::UniqueFd socket,
                std::unique_ptr<SharedArena> requests, std::unique_ptr<SharedArena> answers,
                std::unique_ptr<ChildProcess> child);

  // Sends a header and waits for the one that answers it.
  base::Result<WorkerHeader> exchange(WorkerHeader request, base::Nanos ns_max, Verdict if_late);
  bool wait_for_answer(base::Nanos deadline);
  base::Result<base::Buffer> copy_of(const WorkerHeader& answer);
  base::Error failure();
  base::Error told(const WorkerHeader& answer);

  const WorkerOptions& options_;
  const base::UniqueFd socket_;
  const std::unique_ptr<SharedArena> requests_;
  const std::unique_ptr<SharedArena> answers_;
  const std::unique_ptr<ChildProcess> child_;
  std::atomic<Verdict> verdict_ = Verdict::kNone;
  std::atomic<bool> has_left_ = false;  // it ended by itself
  std::atomic<bool> is_loaded_ = false;
  std::atomic<bool> sees_requests_ = false;
  std::atomic<std::size_t> resident_bytes_ = 0;  // when it held too much
  std::uint32_t number_ = 0;                     // of the last request
  BatchLayout layout_;
};

}  // namespace penstock::model
