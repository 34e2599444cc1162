// SPDX-License-Identifier: Apache-2.0
#include "batching/queue.h"

#include <algorithm>
#include <utility>

namespace penstock::batching {

namespace {

using base::Nanos;

QueueSettings completed(QueueSettings settings) {
  if (settings.tickets_max == 0) settings.tickets_max = kDefaultQueueTicketsMax;
  return settings;
}

std::string named(const QueueSettings& settings) {
  return "model \"" + settings.model_name + "\": ";
}

base::Result<> check_rows(const Ticket& ticket, const QueueSettings& settings) {
  const std::int64_t most = settings.policy.batch_rows_max;
  if (most == 0 || (ticket.rows >= 1 && ticket.rows <= most)) return {};
  return base::fail(base::Code::kInvalidArgument,
                    named(settings) + "wanted 1 to " + std::to_string(most) +
                        " rows in a request (max_batch_size), got " + std::to_string(ticket.rows));
}

// New estimates count for an eighth: a single odd batch hardly moves the mean.
Nanos smoothed(Nanos mean, Nanos latest) { return mean == 0 ? latest : mean + (latest - mean) / 8; }

}  // namespace

std::optional<base::Error> expiry(const Ticket& ticket, const QueueSettings& settings, Nanos now) {
  if (ticket.deadline_ns <= now) {
    return base::Error{
        base::Code::kDeadlineExceeded,
        "deadline exceeded while waiting in the queue of model \"" + settings.model_name + "\""};
  }
  if (settings.timeout_action == TimeoutAction::kReject && ticket.queue_deadline_ns <= now) {
    return base::Error{base::Code::kUnavailable,
                       // The first three words are what Triton's clients look for.
                       "Request timeout expired after " +
                           std::to_string((now - ticket.enqueued_ns) / base::kMicrosecond) +
                           " microseconds in the queue of model \"" + settings.model_name + "\""};
  }
  return std::nullopt;
}

Queue::Queue(QueueSettings settings)
    : settings_(completed(std::move(settings))),
      state_(State{.buckets = Buckets(settings_.policy, settings_.timeout_action)}) {}

base::Result<Queue::Place> Queue::enqueue(std::unique_ptr<Ticket>&& ticket, Nanos now) {
  if (auto checked = check_rows(*ticket, settings_); !checked) {
    return std::unexpected(std::move(checked).error());
  }
  if (settings_.default_timeout_ns > 0) {
    ticket->queue_deadline_ns =
        std::min(ticket->queue_deadline_ns, base::after(now, settings_.default_timeout_ns));
  }
  ticket->enqueued_ns = now;
  if (auto why = expiry(*ticket, settings_, now)) return std::unexpected(std::move(*why));
  Place place;
  place.expires_ns = ticket->deadline_ns;
  if (settings_.timeout_action == TimeoutAction::kReject) {
    place.expires_ns = std::min(place.expires_ns, ticket->queue_deadline_ns);
  }
  bool wakes = false;
  {
    auto held = state_.lock();
    if (held->is_closed) {
      return base::fail(base::Code::kUnavailable,
                        named(settings_) + "it is being unloaded and takes no new requests");
    }
    if (held->buckets.size() >= settings_.tickets_max) {
      return base::fail(
          base::Code::kUnavailable,
          named(settings_) + "its queue of " + std::to_string(settings_.tickets_max) +
              " requests is full; retry later, raise max_queue_size or add instances");
    }
    place.handle = held->buckets.add(std::move(ticket));
    tell_waiting(*held);
    if (held->sleepers > 0 && !held->wake_is_under_way) {
      QueueState changed = view(*held);
      changed.buckets = std::span(&held->buckets.state_of(place.handle), 1);
      wakes = must_wake(*held, decide(changed, settings_.policy, now));
    }
  }
  if (wakes) state_.notify_one();
  return place;
}

std::unique_ptr<Ticket> Queue::cancel(Handle handle) {
  auto held = state_.lock();
  std::unique_ptr<Ticket> ticket = held->buckets.remove(handle);
  tell_waiting(*held);
  return ticket;
}

bool Queue::pull(Clock now, Nanos last_run_ns, Pulled& pulled) {
  pulled.tickets.clear();
  pulled.expired.clear();
  bool wakes = false;
  {
    auto held = state_.lock();
    if (last_run_ns > 0) held->expected_run_ns = smoothed(held->expected_run_ns, last_run_ns);
    for (;;) {
      held->wake_is_under_way = false;
      const Decision decision = take(*held, now(), pulled);
      if (decision.tickets > 0 || !pulled.expired.empty()) break;
      if (held->is_closed) return false;  // nothing is held back then, so nothing is left
      sleep(held, decision.until_ns);
    }
    wakes = must_wake_another(*held, pulled);
  }
  if (wakes) state_.notify_one();
  return true;
}

Nanos Queue::try_pull(Nanos now, Pulled& pulled) {
  pulled.tickets.clear();
  pulled.expired.clear();
  auto held = state_.lock();
  const Decision decision = take(*held, now, pulled);
  return decision.tickets > 0 || !pulled.expired.empty() ? 0 : decision.until_ns;
}

void Queue::close() {
  state_.lock()->is_closed = true;
  state_.notify_all();
}

std::vector<std::unique_ptr<Ticket>> Queue::abort() {
  std::vector<std::unique_ptr<Ticket>> left;
  {
    auto held = state_.lock();
    held->is_closed = true;
    held->buckets.take_all(left);
    tell_waiting(*held);
  }
  state_.notify_all();
  return left;
}

std::size_t Queue::size() { return state_.lock()->buckets.size(); }

QueueState Queue::view(const State& state) const {
  return {.buckets = state.buckets.states(),
          .expected_run_ns = state.expected_run_ns,
          .is_closing = state.is_closed};
}

Decision Queue::take(State& state, Nanos now, Pulled& pulled) {
  pulled.cut_ns = now;
  state.buckets.update(now, pulled.expired);
  const Decision decision = decide(view(state), settings_.policy, now);
  if (decision.tickets > 0) {
    state.buckets.take(decision.bucket, decision.tickets, pulled.tickets);
  }
  tell_waiting(state);
  return decision;
}

// Of several sleepers only the first to wake is given a time; the others wait to be notified.
void Queue::sleep(Held& held, Nanos until_ns) {
  ++held->sleepers;
  if (until_ns < held->planned_wake_ns) {
    held->planned_wake_ns = until_ns;
    held.wait_until(until_ns);
    if (held->planned_wake_ns == until_ns) held->planned_wake_ns = base::kNever;
  } else {
    held.wait();
  }
  --held->sleepers;
}

// Whether a sleeper must be told of `decision`; notes that it is being told.
bool Queue::must_wake(State& state, const Decision& decision) {
  if (state.sleepers == 0 || state.wake_is_under_way) return false;
  if (decision.tickets == 0 && decision.until_ns >= state.planned_wake_ns) return false;
  state.wake_is_under_way = true;
  return true;
}

// The caller is about to be busy: what it leaves behind is another's to take or to wait for.
bool Queue::must_wake_another(State& state, Pulled& pulled) {
  if (state.sleepers == 0 || state.buckets.size() == 0) return false;
  state.buckets.update(pulled.cut_ns, pulled.expired);
  tell_waiting(state);
  return must_wake(state, decide(view(state), settings_.policy, pulled.cut_ns));
}

}  // namespace penstock::batching
