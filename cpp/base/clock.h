// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ctime>
#include <limits>

namespace penstock::base {

// Nanoseconds on the monotonic clock. Decisions take a Nanos as an argument; only loops read it.
using Nanos = std::int64_t;

inline constexpr Nanos kNever = std::numeric_limits<Nanos>::max();
inline constexpr Nanos kMicrosecond = 1'000;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;

inline Nanos monotonic_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return Nanos{t.tv_sec} * kSecond + t.tv_nsec;
}

// `start + wait` that stays at kNever instead of overflowing; wait must not be negative.
constexpr Nanos after(Nanos start, Nanos wait) {
  return wait >= kNever - start ? kNever : start + wait;
}

}  // namespace penstock::base
