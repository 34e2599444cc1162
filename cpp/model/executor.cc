// SPDX-License-Identifier: Apache-2.0
#include "model/executor.h"

#include <utility>

#include "base/check.h"

namespace penstock::model {

base::Result<> take_only_answer(std::vector<base::Answer> answers,
                                std::vector<base::Tensor>& outputs) {
  PENSTOCK_CHECK(answers.size() == 1);
  base::Answer& answer = answers.front();
  if (!answer) return std::unexpected(std::move(answer).error());
  outputs = *std::move(answer);
  return {};
}

}  // namespace penstock::model
