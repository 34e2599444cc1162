// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/monitor.h"
#include "batching/buckets.h"
#include "batching/policy.h"
#include "batching/ticket.h"

namespace penstock::batching {

// How many tickets of one version may wait when the model's configuration names no bound.
inline constexpr std::size_t kDefaultQueueTicketsMax = 65'536;

struct QueueSettings {
  std::string model_name;              // for the sentences of errors
  std::size_t tickets_max = 0;         // 0: kDefaultQueueTicketsMax
  base::Nanos default_timeout_ns = 0;  // longest wait in the queue; 0: no bound
  TimeoutAction timeout_action = TimeoutAction::kReject;
  bool allows_timeout = false;  // a ticket's own queue_deadline_ns may be earlier than the model's
  PolicySettings policy;
};

// Why a ticket must no longer be executed at `now`, if so: its caller's deadline has passed
// (kDeadlineExceeded) or its time in the queue is over under kReject (kUnavailable).
std::optional<base::Error> expiry(const Ticket& ticket, const QueueSettings& settings,
                                  base::Nanos now);

// The bounded waiting line of one version, between the io threads that fill it and the instance
// threads that pull batches out of it.
//
//  * Every ticket leaves exactly once: in a batch, as expired, by cancel(), or from abort().
//  * An instance is woken once per batch: enqueue() wakes one only if it would then do something
//    else than sleep on, and only while no other wake is under way; whoever cuts a batch and
//    leaves work for another wakes the next.
//  * The pull side notices expired tickets only when it looks at them. While every instance is busy
//    it is the io threads, whose timers wait for Place::expires_ns, that call cancel().
//
// All methods may be called from any thread; none but pull() blocks.
class Queue {
 public:
  using Clock = base::Nanos (*)();

  struct Place {
    Handle handle;
    base::Nanos expires_ns = base::kNever;  // when the ticket is to be cancelled and answered
  };
  // What one pull brought: a batch, expired tickets (expiry() at cut_ns says why), or both.
  struct Pulled {
    std::vector<std::unique_ptr<Ticket>> tickets;
    std::vector<std::unique_ptr<Ticket>> expired;
    base::Nanos cut_ns = 0;
  };

  explicit Queue(QueueSettings settings);
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Takes `ticket`, whose shape_key must be set, and sets its enqueued_ns and queue_deadline_ns (to
  // the earlier of its own and the model's). On failure `ticket` is left with the caller:
  // kInvalidArgument if it can never fit a batch, kUnavailable if the queue is full or closed, and
  // what expiry() says if it comes too late.
  base::Result<Place> enqueue(std::unique_ptr<Ticket>&& ticket, base::Nanos now);

  // The ticket back, or null if it has left the queue already.
  std::unique_ptr<Ticket> cancel(Handle handle);

  // Waits for the next batch on the monotonic clock, which `now` must read. `last_run_ns` is how
  // long the caller's last batch took to execute; 0: none. False: the queue is closed and empty.
  bool pull(Clock now, base::Nanos last_run_ns, Pulled& pulled);

  // What pull() would bring at `now`, without waiting. Where it brings nothing, returns when to try
  // again unless something changes before; 0 otherwise.
  base::Nanos try_pull(base::Nanos now, Pulled& pulled);

  // Refuses new tickets; pulls hold nothing back any more and end when nothing is left.
  void close();
  // Refuses new tickets and gives back all that wait; pulls end.
  std::vector<std::unique_ptr<Ticket>> abort();

  std::size_t size();
  // The same as of a moment ago, without the lock.
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  const QueueSettings& settings() const { return settings_; }

 private:
  struct State {
    Buckets buckets;
    bool is_closed = false;
    base::Nanos expected_run_ns = 0;
    std::size_t sleepers = 0;        // instance threads inside pull() with nothing to do
    bool wake_is_under_way = false;  // one of them was notified and has not looked yet
    base::Nanos planned_wake_ns = base::kNever;  // when one of them will look by itself
  };
  using Held = base::Monitor<State>::Held;

  QueueState view(const State& state) const;
  Decision take(State& state, base::Nanos now, Pulled& pulled);
  void tell_waiting(const State& state) {
    waiting_.store(state.buckets.size(), std::memory_order_relaxed);
  }
  static void sleep(Held& held, base::Nanos until_ns);
  static bool must_wake(State& state, const Decision& decision);
  bool must_wake_another(State& state, Pulled& pulled);

  const QueueSettings settings_;
  base::Monitor<State> state_;
  std::atomic<std::size_t> waiting_ = 0;  // written under the lock
};

}  // namespace penstock::batching
