// SPDX-License-Identifier: Apache-2.0
#include "model/executor.h"

namespace penstock::model {

base::Result<> try_out(
    const ExecutorBatch& batch,
    const std::function<base::Result<>(const ExecutorBatch&, std::vector<base::Tensor>&)>& run,
    const Inspect& inspect) {
  std::vector<base::Answer> answers;
  std::vector<base::Tensor> outputs;
  ExecutorBatch own = batch;
  own.answers = &answers;
  if (auto done = run(own, outputs); !done) return done;
  for (const base::Answer& answer : answers) {
    if (!answer) return std::unexpected(answer.error());
    if (!inspect) continue;
    if (auto done = inspect(*answer); !done) return done;
  }
  return answers.empty() && inspect ? inspect(outputs) : base::Result<>();
}

}  // namespace penstock::model
