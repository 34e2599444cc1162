// SPDX-License-Identifier: Apache-2.0
#include "model/row_pool.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <utility>

#include "base/signal_mask.h"

namespace penstock::model {
namespace {

constexpr int kWakeAttempts = 8;

}  // namespace

RowPool::RowPool(std::size_t helpers)
    : process_(::getpid()), state_(std::make_unique<base::Monitor<State>>()) {
  const base::AllSignalsBlocked blocked;
  threads_.reserve(helpers);
  try {
    while (threads_.size() < helpers) {
      std::thread& thread = threads_.emplace_back([this] { help(); });
      pthread_setname_np(thread.native_handle(), "rows");
    }
  } catch (const std::system_error&) {
    // The system gives no more threads: those that there are do the work.
  }
}

RowPool::~RowPool() {
  // In a forked child they do not exist: joining them would wait for ever, and so would destroying
  // what they sleep on. Their names may be those of threads that the child has made since, so that
  // they cannot be detached either; nobody may speak of them again.
  if (::getpid() != process_) {
    (void)new std::vector<std::thread>(std::move(threads_));
    (void)state_.release();
    return;
  }
  state_->lock()->is_ending = true;
  state_->notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool RowPool::run(std::size_t parts, const Work& work) {
  if (::getpid() != process_) return false;
  Held state = state_->lock();
  if (state->is_taken) return false;
  state->work = &work;
  state->parts = parts;
  state->next = 0;
  state->is_taken = true;
  state.release();
  state_->notify_all();
  state.acquire();
  take_parts(state);
  while (state->running > 0) state.wait();
  state->is_taken = false;
  if (state->thrown) std::rethrow_exception(std::exchange(state->thrown, nullptr));
  return true;
}

void RowPool::take_parts(Held& state) {
  while (state->next < state->parts) {
    const std::size_t part = state->next++;
    const Work& work = *state->work;
    ++state->running;
    state.release();
    std::exception_ptr thrown;
    try {
      work(part);
    } catch (...) {
      thrown = std::current_exception();
    }
    state.acquire();
    --state->running;
    if (!thrown) continue;
    state->thrown = std::move(thrown);
    state->next = state->parts;
  }
}

void RowPool::help() {
  Held state = state_->lock();
  while (!state->is_ending) {
    if (state->next == state->parts) {
      state.wait();
      continue;
    }
    take_parts(state);
    if (state->running == 0) state_->notify_all();  // whoever brought the work waits for it
  }
}

base::Nanos RowPool::measure_wake() {
  base::Nanos least = kWakeMax;
  const base::Nanos end = base::monotonic_now() + kWakeMax;
  for (int attempt = 0; attempt < kWakeAttempts && base::monotonic_now() < end; ++attempt) {
    std::atomic<std::size_t> arrived = 0;
    const base::Nanos begin = base::monotonic_now();
    // Every thread takes one part, since none lets go of its own before all have come.
    const bool was_run = run(threads(), [&](std::size_t) {
      arrived.fetch_add(1);
      while (arrived.load() < threads() && base::monotonic_now() - begin < kWakeMax) {
        std::this_thread::yield();
      }
    });
    if (was_run) least = std::min(least, base::monotonic_now() - begin);
  }
  return least;
}

}  // namespace penstock::model
