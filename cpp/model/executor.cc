// SPDX-License-Identifier: Apache-2.0
#include "model/executor.h"

namespace penstock::model {

base::Result<> try_out(
    const ExecutorBatch& batch,
    const std::function<base::Result<>(const ExecutorBatch&, std::vector<base::Tensor>&)>& run) {
  std::vector<base::Answer> answers;
  std::vector<base::Tensor> outputs;
  ExecutorBatch own = batch;
  own.answers = &answers;
  if (auto done = run(own, outputs); !done) return done;
  for (const base::Answer& answer : answers) {
    if (!answer) return std::unexpected(answer.error());
  }
  return {};
}

}  // namespace penstock::model
