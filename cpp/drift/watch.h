// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "drift/accumulator.h"
#include "drift/plan.h"
#include "drift/tap.h"

namespace penstock::drift {

struct WatchOptions {
  double share = 1;             // of requests: above 0, at most 1
  std::size_t sample_rows = 0;  // that are drawn of each span
};

// One version that is being watched: its plan, its tap, its counts. Made by Aggregator::open(),
// kept by whoever asks for the counts; once that one has let go of it, what the rings still hold of
// it is passed over.
class Watch {
 public:
  Watch(std::uint64_t number, Plan plan, const WatchOptions& options, std::size_t io_threads)
      : plan_(std::move(plan)),
        tap_(std::make_shared<const Tap>(number, plan_, options.share, io_threads)),
        sample_rows_(options.sample_rows),
        accumulator_(plan_, number, options.sample_rows),
        bytes_(accumulator_.bytes()),
        tensors_(plan_.tensors.size()) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  std::uint64_t number() const { return tap_->number(); }
  const Plan& plan() const { return plan_; }
  const std::shared_ptr<const Tap>& tap() const { return tap_; }
  // Of its counts and maps, when it was asked last.
  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  // From the next span on.
  void keep_sample(std::size_t rows) { sample_rows_.store(rows, std::memory_order_relaxed); }

  // On the aggregator's thread. `record` stays as it is until flush().
  void add(std::span<const std::byte> record) { accumulator_.add(read_record(record, tensors_)); }
  void flush() { accumulator_.flush(); }
  Counts take(bool ends_tick) {
    accumulator_.keep_sample(sample_rows_.load(std::memory_order_relaxed));
    Counts counts = accumulator_.take(ends_tick);
    const LeftRows left = tap_->left_rows();
    for (std::size_t why = 0; why < kLeftReasons; ++why) {
      counts.left[why] = left[why] - std::exchange(left_before_[why], left[why]);
    }
    bytes_.store(accumulator_.bytes(), std::memory_order_relaxed);
    return counts;
  }

 private:
  const Plan plan_;
  const std::shared_ptr<const Tap> tap_;
  std::atomic<std::size_t> sample_rows_;
  // The aggregator's alone:
  Accumulator accumulator_;
  std::atomic<std::size_t> bytes_;
  std::vector<std::span<const std::byte>> tensors_;
  LeftRows left_before_{};
};

}  // namespace penstock::drift
