// SPDX-License-Identifier: Apache-2.0
#include "drift/tap.h"

namespace penstock::drift {
namespace {

// 2^64 x share, which is at most `all`.
std::uint64_t limit_of(double share, std::uint64_t all) {
  const double limit = share * 0x1p64;
  return limit >= 0x1p64 ? all : static_cast<std::uint64_t>(limit);
}

}  // namespace

Tap::Tap(std::uint64_t number, const Plan& plan, double share, std::size_t io_threads)
    : number_(number),
      share_(share),
      limit_(limit_of(share, kAll)),
      tensors_(plan.tensors),
      left_(io_threads) {
  for (const PlannedTensor& tensor : plan.tensors) {
    (tensor.is_output ? outputs_ : inputs_).push_back(tensor.index);
  }
}

LeftRows Tap::left_rows() const {
  LeftRows sums{};
  for (const LeftOfThread& one : left_) {
    for (std::size_t why = 0; why < kLeftReasons; ++why) {
      sums[why] += one.rows[why].load(std::memory_order_relaxed);
    }
  }
  return sums;
}

}  // namespace penstock::drift
