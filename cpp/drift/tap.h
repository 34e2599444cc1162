// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "drift/left.h"
#include "drift/plan.h"

namespace penstock::drift {

// What request threads know of a watch: which tensors it wants, and of which requests. Immutable
// but for what each io thread counts by itself.
class Tap {
 public:
  // `number`: of its watch, which no other one ever has. `share`: above 0, at most 1.
  Tap(std::uint64_t number, const Plan& plan, double share, std::size_t io_threads);
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  std::uint64_t number() const { return number_; }
  double share() const { return share_; }
  // Whether it looks at each request, so that none needs a hash.
  bool takes_all() const { return limit_ == kAll; }
  // At a request with this hash.
  bool takes(std::uint64_t hash) const { return hash < limit_; }
  // By their index in the version's signature, in the plan's order.
  std::span<const std::uint32_t> inputs() const { return inputs_; }
  std::span<const std::uint32_t> outputs() const { return outputs_; }

  // Both, as the plan has them.
  std::span<const PlannedTensor> tensors() const { return tensors_; }

  // On io thread `io_thread`.
  void record_left(std::size_t io_thread, Left why, std::uint64_t rows) const {
    std::atomic<std::uint64_t>& mine = left_[io_thread].rows[static_cast<std::size_t>(why)];
    mine.store(mine.load(std::memory_order_relaxed) + rows, std::memory_order_relaxed);
  }
  // From any thread: since it was made.
  LeftRows left_rows() const;

 private:
  static constexpr std::uint64_t kAll = ~std::uint64_t{0};
  // Written by one io thread alone.
  struct alignas(64) LeftOfThread {
    std::array<std::atomic<std::uint64_t>, kLeftReasons> rows{};
  };

  const std::uint64_t number_;
  const double share_;
  const std::uint64_t limit_;
  std::vector<std::uint32_t> inputs_;
  std::vector<std::uint32_t> outputs_;
  const std::vector<PlannedTensor> tensors_;
  mutable std::vector<LeftOfThread> left_;
};

}  // namespace penstock::drift
