// SPDX-License-Identifier: Apache-2.0
// ONNX Runtime with no server around it: one batch again and again, the ceiling for throughput.
//
//   ort_loop LIBRARY MODEL THREADS INPUT_FILE INPUT_SHAPE OUTPUT_SHAPE
//
// Shapes of the whole batch as "8,32,128"; INPUT_FILE holds the batch as raw FP32. Each line on
// standard input is a number of seconds to run for, answered by a line "BATCHES SECONDS SUM", where
// SUM is the sum of the last output, to be checked.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include "ort_session.h"
#include "shape.h"

int main(int count, char** arguments) {
  if (count != 7) {
    std::fprintf(stderr,
                 "usage: ort_loop LIBRARY MODEL THREADS INPUT_FILE INPUT_SHAPE OUTPUT_SHAPE\n");
    return 2;
  }
  rivals::OrtSession session(arguments[1], arguments[2], std::atoi(arguments[3]));
  const std::vector<int64_t> in_shape = rivals::parse_shape(arguments[5]);
  const std::vector<int64_t> out_shape = rivals::parse_shape(arguments[6]);
  std::vector<float> input(rivals::count_of(in_shape));
  std::vector<float> output(rivals::count_of(out_shape));
  std::ifstream file(arguments[4], std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(input.data()),
                 static_cast<std::streamsize>(input.size() * sizeof(float)))) {
    std::fprintf(stderr, "ort_loop: %s is shorter than the batch\n", arguments[4]);
    return 1;
  }
  using Clock = std::chrono::steady_clock;
  for (double seconds_wanted = 0; std::cin >> seconds_wanted;) {
    const auto start = Clock::now();
    long batches = 0;
    double seconds = 0;
    while (seconds < seconds_wanted) {
      session.run(input, in_shape, output, out_shape);
      ++batches;
      seconds = std::chrono::duration<double>(Clock::now() - start).count();
    }
    const double sum = std::accumulate(output.begin(), output.end(), 0.0);
    std::printf("%ld %.9f %.9g\n", batches, seconds, sum);
    std::fflush(stdout);
  }
}
