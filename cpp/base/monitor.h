// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/clock.h"

namespace penstock::base {

// A value that several threads share, reachable only while its lock is held:
//
//   Monitor<State> state;
//   auto held = state.lock();       // held->..., released at the end of the scope
//   held.wait();                    // until somebody calls notify_one() or notify_all()
//
// The one place of the core (with base/channel.h) where a mutex lives.
template <class T>
class Monitor {
 public:
  class Held {
   public:
    T* operator->() const { return &monitor_.value_; }
    T& operator*() const { return monitor_.value_; }
    void wait() { monitor_.changed_.wait(lock_); }
    // Waits until notified or until `deadline` on the monotonic clock; may wake early.
    void wait_until(Nanos deadline) {
      if (deadline == kNever) return wait();
      const std::chrono::steady_clock::time_point at{std::chrono::nanoseconds(deadline)};
      monitor_.changed_.wait_until(lock_, at);
    }
    void release() { lock_.unlock(); }
    void acquire() { lock_.lock(); }

   private:
    friend class Monitor;
    explicit Held(Monitor& monitor) : monitor_(monitor), lock_(monitor.mutex_) {}
    Monitor& monitor_;
    std::unique_lock<std::mutex> lock_;
  };

  Monitor() = default;
  explicit Monitor(T value) : value_(std::move(value)) {}
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  Held lock() { return Held(*this); }
  void notify_one() { changed_.notify_one(); }
  void notify_all() { changed_.notify_all(); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  T value_{};
};

}  // namespace penstock::base
