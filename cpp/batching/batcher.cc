// SPDX-License-Identifier: Apache-2.0
#include "batching/batcher.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/signal_mask.h"

namespace penstock::batching {

Batcher::Batcher(Settings settings, base::Signature signature, std::vector<Instance> instances,
                 Deliver deliver)
    : settings_(std::move(settings)),
      signature_(std::move(signature)),
      instances_(std::move(instances)),
      deliver_(std::move(deliver)),
      queue_(settings_.queue) {
  PENSTOCK_CHECK(!instances_.empty());
  PENSTOCK_CHECK(settings_.queue.policy.batch_rows_max == signature_.batch_rows_max);
}

Batcher::~Batcher() {
  stop();
  for (std::thread& thread : threads_) thread.join();
}

void Batcher::start() {
  PENSTOCK_CHECK(threads_.empty());
  *working_.lock() = instances_.size();
  const base::AllSignalsBlocked blocked;
  for (const Instance& instance : instances_) {
    std::thread& thread = threads_.emplace_back([this, &instance] { work(instance); });
    pthread_setname_np(thread.native_handle(), instance.thread_name.substr(0, 15).c_str());
  }
}

void Batcher::drain() { queue_.close(); }

void Batcher::stop() {
  const std::vector<std::unique_ptr<Ticket>> left = queue_.abort();
  const base::Error why{base::Code::kUnavailable,
                        "model \"" + settings_.queue.model_name +
                            "\": it was stopped while the request waited in its queue"};
  std::vector<Reply> replies;
  answer_unexecuted(left, base::monotonic_now(), &why, replies);
}

bool Batcher::wait_until_idle(base::Nanos deadline) {
  auto working = working_.lock();
  while (*working > 0) {
    if (base::monotonic_now() >= deadline) return false;
    working.wait_until(deadline);
  }
  return true;
}

void Batcher::work(const Instance& instance) {
  BatchRunner runner(settings_.queue.model_name, signature_, settings_.takes_unaligned);
  Queue::Pulled pulled;
  std::vector<Reply> replies;
  base::Nanos run_ns = 0;
  while (queue_.pull(base::monotonic_now, std::exchange(run_ns, 0), pulled)) {
    answer_unexecuted(pulled.expired, pulled.cut_ns, nullptr, replies);
    if (pulled.tickets.empty()) continue;
    runner.run(pulled.tickets, instance.execute, replies);
    run_ns = runner.last_run_ns();
    if (instance.observe) instance.observe(runner.report());
    deliver_(replies);
    replies.clear();
  }
  --*working_.lock();
  working_.notify_all();
}

// `why` null: each ticket's own expiry.
void Batcher::answer_unexecuted(std::span<const std::unique_ptr<Ticket>> tickets, base::Nanos now,
                                const base::Error* why, std::vector<Reply>& replies) {
  if (tickets.empty()) return;
  for (const auto& ticket : tickets) {
    Outcome outcome;
    if (why != nullptr) {
      outcome.outputs = std::unexpected(*why);
    } else {
      auto expired = expiry(*ticket, settings_.queue, now);
      PENSTOCK_CHECK(expired.has_value());
      outcome.outputs = std::unexpected(std::move(*expired));
    }
    outcome.queue_ns = std::max<base::Nanos>(0, now - ticket->enqueued_ns);
    replies.push_back({.address = ticket->reply, .outcome = std::move(outcome)});
  }
  deliver_(replies);
  replies.clear();
}

}  // namespace penstock::batching
