// SPDX-License-Identifier: Apache-2.0
#pragma once

// Chance for trials of many million draws: the same on every machine and with every library, which
// the distributions of <random> are not. The generator is splitmix64 (Steele, Lea and Flood, 2014).

#include <cmath>
#include <cstdint>

namespace penstock::testing {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed * 0xd1342543de82ef95 + 1) {}

  std::uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = (state_ ^ state_ >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
  }
  // In (0, 1).
  double uniform() { return (static_cast<double>(bits() >> 11) + 0.5) * 0x1p-53; }
  bool is(double probability) { return uniform() < probability; }
  // Until the next of events that come `rate` times in a unit of time.
  double wait(double rate) { return -std::log(uniform()) / rate; }
  // Tries up to and with the first that succeeds, each with `probability`.
  double tries(double probability) {
    return 1 + std::floor(std::log(uniform()) / std::log1p(-probability));
  }

 private:
  std::uint64_t state_;
};

}  // namespace penstock::testing
