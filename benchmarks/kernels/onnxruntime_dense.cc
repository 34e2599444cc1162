// SPDX-License-Identifier: Apache-2.0
// ONNX Runtime by its C functions, one thread, its tensors made once:
//   onnxruntime_dense LIBRARY MODEL ROWS COLUMNS OUTPUTS ANSWERS BATCH...
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/timing.h"
#include "ort_session.h"
#include "rows.h"

int main(int count, char** arguments) {
  if (count < 8) {
    kernels_bench::fail(
        "usage: onnxruntime_dense LIBRARY MODEL ROWS COLUMNS OUTPUTS ANSWERS BATCH...");
  }
  rivals::OrtSession session(arguments[1], arguments[2], 1);
  const kernels_bench::Rows rows(arguments[3], std::stoul(arguments[4]));
  const std::size_t outputs = std::stoul(arguments[5]);
  std::vector<float> answers(rows.count() * outputs);
  const auto bind = [&](std::size_t batch) {
    const std::int64_t in[] = {static_cast<std::int64_t>(batch),
                               static_cast<std::int64_t>(rows.columns())};
    const std::int64_t out[] = {in[0], static_cast<std::int64_t>(outputs)};
    return session.bind({rows.first(), batch * rows.columns()}, in,
                        {answers.data(), batch * outputs}, out);
  };
  auto all = bind(rows.count());
  session.run(all);
  kernels_bench::write_answers(arguments[6], answers);
  for (const char* const text : std::span(arguments + 7, arguments + count)) {
    const std::size_t batch = std::stoul(text);
    auto bound = bind(batch);
    const auto work = [&] { session.run(bound); };
    kernels_bench::tell("net", batch, kernels_bench::time_calls(work));
    kernels_bench::tell("net cold", batch, kernels_bench::time_cold(work));
  }
}
