// SPDX-License-Identifier: Apache-2.0
// How many bytes per second one core can copy: memcpy of one size, over as many buffers as 128
// requests in flight would hold, so that it runs in the same part of the memory as an echo does.
//
//   memory_copy BYTES SECONDS      prints bytes per second
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: memory_copy BYTES SECONDS\n");
    return 2;
  }
  constexpr size_t kBuffers = 128;
  const auto bytes = static_cast<size_t>(std::atoll(arguments[1]));
  const double seconds_wanted = std::atof(arguments[2]);
  std::vector<char> from(bytes * kBuffers, 'a');
  std::vector<char> to(bytes * kBuffers, 'b');
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  double seconds = 0;
  double copied = 0;
  size_t buffer = 0;
  while (seconds < seconds_wanted) {
    for (size_t i = 0; i < kBuffers; ++i) {
      buffer = (buffer + 1) % kBuffers;
      std::memcpy(to.data() + buffer * bytes, from.data() + buffer * bytes, bytes);
    }
    if (to[bytes * kBuffers - 1] != 'a') return 1;
    copied += static_cast<double>(bytes * kBuffers);
    seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  std::printf("%.0f\n", copied / seconds);
}
