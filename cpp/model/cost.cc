// SPDX-License-Identifier: Apache-2.0
#include "model/cost.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace penstock::model {
namespace {

constexpr int kRounds = 16;
constexpr int kRunsPerRound = 8;
// A model whose single row needs more than this is no candidate for the io threads anyway.
constexpr std::size_t kInputBytesMax = std::size_t{64} << 20;

std::optional<base::Tensor> zeros(const base::TensorSpec& spec, bool batches) {
  base::Tensor tensor;
  tensor.dtype = spec.dtype;
  if (batches) tensor.shape.push(1);
  for (const std::int64_t dim : spec.dims) tensor.shape.push(dim == -1 ? 1 : dim);
  // An empty string is its length alone, a u32 of 0.
  const std::size_t element =
      spec.dtype == base::DType::kBytes ? sizeof(std::uint32_t) : base::element_bytes(spec.dtype);
  const auto elements = tensor.shape.elements();
  if (!elements || std::cmp_greater(*elements, kInputBytesMax / element)) return std::nullopt;

  tensor.bytes.owner = base::Buffer::allocate(static_cast<std::size_t>(*elements) * element);
  const std::span<std::byte> bytes = tensor.bytes.owner.bytes();
  std::ranges::fill(bytes, std::byte{0});
  tensor.bytes.bytes = bytes;
  return tensor;
}

}  // namespace

std::optional<base::Nanos> measure_row_cost(Executor& executor, base::Nanos budget,
                                            base::Nanos (*now)()) {
  const base::Signature& signature = executor.signature();
  std::vector<base::Tensor> inputs;
  for (const base::TensorSpec& spec : signature.inputs) {
    auto tensor = zeros(spec, signature.batch_rows_max > 0);
    if (!tensor) return std::nullopt;
    inputs.push_back(*std::move(tensor));
  }
  constexpr std::int64_t kOneRow = 1;
  const ExecutorBatch batch{.rows = 1, .inputs = inputs, .request_rows = {&kOneRow, 1}};

  std::vector<base::Tensor> outputs;
  const auto run = [&] {
    outputs.clear();
    return executor.run(batch, outputs).has_value();
  };
  const base::Nanos start = now();
  const base::Nanos end = base::after(start, budget);
  if (!run()) return std::nullopt;
  base::Nanos at = now();
  base::Nanos best = at - start;
  for (int round = 0; round < kRounds && at < end; ++round) {
    const base::Nanos round_start = at;
    int runs = 0;
    while (runs < kRunsPerRound && at < end) {
      if (!run()) return std::nullopt;
      ++runs;
      // Reading the clock each time would be a good part of a very cheap model's cost, but a slow
      // one must not overrun the budget by a round.
      if (best > base::kMillisecond) at = now();
    }
    at = now();
    best = std::min(best, (at - round_start) / runs);
  }
  return best;
}

}  // namespace penstock::model
