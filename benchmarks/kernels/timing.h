// SPDX-License-Identifier: Apache-2.0
// How kernels are timed: the best of many short trials, since whatever else runs on a machine can
// only make a trial slower. The median is told beside it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <vector>

namespace kernels_bench {

struct Timing {
  double best_ns = 0;
  double median_ns = 0;
};

inline constexpr double kTrialNs = 3e5;
// Calls so long that a trial is one of them get fewer trials.
inline constexpr double kAllTrialsNs = 3e8;
inline constexpr std::size_t kTrialsMin = 12;

// Of one call of `work`.
template <class Work>
Timing time_calls(Work work, std::size_t trials = 400) {
  using Clock = std::chrono::steady_clock;
  const auto run = [&](std::size_t calls) {
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < calls; ++i) work();
    return std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
  };
  run(2);
  const auto calls = static_cast<std::size_t>(std::max(1.0, kTrialNs / (run(3) / 3)));
  std::vector<double> taken;
  double all_ns = 0;
  while (taken.size() < trials && (taken.size() < kTrialsMin || all_ns < kAllTrialsNs)) {
    const double ns = run(calls);
    all_ns += ns;
    taken.push_back(ns / static_cast<double>(calls));
  }
  std::ranges::sort(taken);
  return {.best_ns = taken.front(), .median_ns = taken[taken.size() / 2]};
}

// A line for the program that started this one.
inline void tell(const char* what, std::size_t batch, const Timing& timing) {
  const auto rows = static_cast<double>(batch);
  std::printf("%s\t%zu\t%.1f\t%.1f\n", what, batch, timing.best_ns / rows, timing.median_ns / rows);
  std::fflush(stdout);
}

// Reads through more than any cache holds.
class CacheEvictor {
 public:
  CacheEvictor() : bytes_(std::size_t{256} << 20, 1) {}

  void evict() {
    unsigned sum = 0;
    for (std::size_t i = 0; i < bytes_.size(); i += 64) sum += bytes_[i];
    sink_ = sum;
  }

 private:
  std::vector<unsigned char> bytes_;
  volatile unsigned sink_ = 0;
};

// Of one call with cold caches.
template <class Work>
Timing time_cold(Work work, std::size_t trials = 20) {
  using Clock = std::chrono::steady_clock;
  CacheEvictor evictor;
  std::vector<double> taken;
  for (std::size_t i = 0; i < trials; ++i) {
    evictor.evict();
    const auto begin = Clock::now();
    work();
    taken.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begin).count());
  }
  std::ranges::sort(taken);
  return {.best_ns = taken.front(), .median_ns = taken[taken.size() / 2]};
}

}  // namespace kernels_bench
