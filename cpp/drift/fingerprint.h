// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock::drift {

// The output of SplitMix64 (Steele, Lea & Flood 2014) for one state: all bits depend on all bits.
constexpr std::uint64_t mixed(std::uint64_t state) {
  state = (state ^ state >> 30) * 0xbf58476d1ce4e5b9;
  state = (state ^ state >> 27) * 0x94d049bb133111eb;
  return state ^ state >> 31;
}
inline constexpr std::uint64_t kMixStep = 0x9e3779b97f4a7c15;

// XXH3's 64 bits.
std::uint64_t fingerprint(std::span<const std::byte> bytes);

// Numbers that follow from a seed (SplitMix64), for choices that need no more.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() { return mixed(state_ += kMixStep); }
  // Less than `end`, which is positive and at most 2^32; each as likely as another up to 2^-32.
  std::uint64_t below(std::uint64_t end) { return (next() >> 32) * end >> 32; }

 private:
  std::uint64_t state_;
};

}  // namespace penstock::drift
