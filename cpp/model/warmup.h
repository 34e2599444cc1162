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

// Requests that a version executes before it is served, as config.pbtxt's model_warmup has them.
namespace penstock::model {

// What a warm-up holds together for one input, whatever a configuration asks for.
inline constexpr std::size_t kWarmupBytesMax = std::size_t{4} << 30;

enum class WarmupSource : std::uint8_t {
  kZero,    // strings are empty
  kRandom,  // the same in every run: floats from 0 to 1, integers 0 or 1, strings of 8 letters
  kBytes,   // given: one request's tensor in its raw form
};

struct WarmupInput {
  std::string name{};
  base::DType dtype = base::DType::kFp32;
  std::vector<std::int64_t> dims{};  // of one request, without the batch dimension
  WarmupSource source = WarmupSource::kZero;
  std::string bytes{};
};

struct Warmup {
  std::string name{};
  std::int64_t rows = 1;    // so many equal requests are executed as one batch
  std::uint32_t count = 1;  // so often
  std::vector<WarmupInput> inputs{};
};

// Executes every warm-up on each instance of `executor`, whose tensors requests see as `reshaping`
// says. Fails with a sentence that names the warm-up, for one that does not fit the model and for
// one that fails in it. On the thread that loads.
base::Result<> run_warmups(const std::vector<Warmup>& warmups,
                           const std::optional<Reshaping>& reshaping, Executor& executor);

}  // namespace penstock::model
