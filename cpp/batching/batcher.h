// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/monitor.h"
#include "base/tensor.h"
#include "batching/batch.h"
#include "batching/queue.h"
#include "batching/ticket.h"

namespace penstock::batching {

// The batch lane of one version: a queue and the instance threads that pull from it. Contains no
// decision: the policy says when, the runner how.
//
//   start() -> ... -> drain(): what waits is still executed   -> wait_until_idle(deadline)
//                     stop(): what waits is answered kUnavailable -> wait_until_idle(kNever)
//
// Owned by the engine's table of versions, made and destroyed on the control thread. A batch that
// executes cannot be interrupted, so the destructor waits for it: it must run without Python's lock
// where an executor takes that lock.
class Batcher {
 public:
  // One executor on one thread. `thread_name` is cut to 15 bytes by the system. `observe`, if there
  // is one, is told of each batch on that thread, before its answers are delivered.
  struct Instance {
    std::string thread_name;
    std::function<base::Result<>(const BatchView&, std::vector<base::Tensor>&)> execute;
    std::function<void(const BatchReport&)> observe = nullptr;
  };
  // Sends answers on their way; may move out of them. Called by every instance thread, and by the
  // thread in stop(): once for each batch that was executed, and by itself for each lot of tickets
  // that was not (Outcome::batch_rows is 0). Must not block for long.
  using Deliver = std::function<void(std::span<Reply>)>;

  struct Settings {
    QueueSettings queue;
    bool takes_unaligned = false;
  };

  Batcher(Settings settings, base::Signature signature, std::vector<Instance> instances,
          Deliver deliver);
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;
  ~Batcher();  // stop(), then joins

  // Once. The threads block all signals.
  void start();
  // From any thread, as often as one likes; tickets come back if refused, see Queue.
  base::Result<Queue::Place> enqueue(std::unique_ptr<Ticket>&& ticket, base::Nanos now) {
    return queue_.enqueue(std::move(ticket), now);
  }
  std::unique_ptr<Ticket> cancel(Handle handle) { return queue_.cancel(handle); }

  // Takes no new tickets; the threads end when those that wait have been executed.
  void drain();
  // Takes no new tickets and answers those that wait; the threads end after their present batch.
  void stop();
  // Waits until every instance thread has delivered its last, at most until `deadline` on the
  // monotonic clock. True: they have.
  bool wait_until_idle(base::Nanos deadline);

  Queue& queue() { return queue_; }
  const Queue& queue() const { return queue_; }
  const base::Signature& signature() const { return signature_; }

 private:
  void work(const Instance& instance);
  void answer_unexecuted(std::span<const std::unique_ptr<Ticket>> tickets, base::Nanos now,
                         const base::Error* why, std::vector<Reply>& replies);

  const Settings settings_;
  const base::Signature signature_;
  const std::vector<Instance> instances_;
  const Deliver deliver_;
  Queue queue_;
  base::Monitor<std::size_t> working_;  // threads that have not ended
  std::vector<std::thread> threads_;
};

}  // namespace penstock::batching
