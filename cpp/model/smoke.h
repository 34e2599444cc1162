// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "model/executor.h"
#include "model/reshape.h"

// The request whose answer is known, by which a version shows that it is what was packaged.
namespace penstock::model {

// A tensor as the request and its answer have it; where the model batches, rows come first.
struct SmokeTensor {
  std::string name{};
  base::DType dtype = base::DType::kFp32;
  std::vector<std::int64_t> shape{};
  std::string bytes{};  // in raw form
};

struct Smoke {
  std::vector<SmokeTensor> inputs{};
  std::vector<SmokeTensor> expected{};  // outputs that it does not name may be anything
  double tolerance = 0;                 // as difference_of() has it
};

// Executes the request on each instance of `executor`, whose tensors requests see as `reshaping`
// says, in batches that the model takes. Fails with a sentence that says which output is not as
// expected and where, or why there is no answer. On the thread that loads.
base::Result<> run_smoke(const Smoke& smoke, const std::optional<Reshaping>& reshaping,
                         Executor& executor);

}  // namespace penstock::model
