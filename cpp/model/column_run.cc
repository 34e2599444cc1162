// SPDX-License-Identifier: Apache-2.0
#include "model/column_run.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/buffer.h"
#include "base/check.h"

namespace penstock::model {
namespace {

using base::Code;
using base::DType;
using base::fail;
using base::Result;

// Of a block's input: a part of a core's second-level cache, beside which the model has its room.
constexpr std::size_t kBlockBytes = std::size_t{128} << 10;
// Fewer rows than this would be asked for too often.
constexpr std::size_t kBlockRowsMin = 64;

bool is_gathered(DType dtype) {
  return dtype != DType::kBytes && dtype != DType::kFp16 && dtype != DType::kBf16;
}

std::unexpected<base::Error> no_memory(std::size_t bytes) {
  return fail(Code::kResourceExhausted, "no memory for " + std::to_string(bytes) + " bytes");
}

// The block of `rows` rows in `buffer`, as the executor's input.
base::Tensor block_tensor(const base::Signature& signature, std::size_t rows, base::Buffer buffer) {
  const base::TensorSpec& spec = signature.inputs.front();
  const std::size_t first = signature.batch_rows_max > 0 ? 0 : 1;  // else the rows are a dimension
  base::Tensor tensor{.dtype = spec.dtype, .shape = {static_cast<std::int64_t>(rows)}, .bytes = {}};
  for (std::size_t i = first; i < spec.dims.size(); ++i) tensor.shape.push(spec.dims[i]);
  tensor.bytes.bytes = buffer.bytes();
  tensor.bytes.owner = std::move(buffer);
  return tensor;
}

// A block's answer to its place in those of all rows, which is made for the first block.
Result<> append(const base::Tensor& block, std::size_t first, std::size_t block_rows,
                std::size_t rows, const std::string& name, base::Tensor& whole) {
  const std::size_t row_bytes = block.bytes.bytes.size() / block_rows;
  if (block.shape.rank() == 0 || !std::cmp_equal(block.shape[0], block_rows)) {
    return fail(Code::kInternal, "output '" + name + "' came back with shape " +
                                     block.shape.text() + " for " + std::to_string(block_rows) +
                                     " rows");
  }
  if (first == 0) {
    whole.dtype = block.dtype;
    whole.shape = block.shape;
    whole.shape[0] = static_cast<std::int64_t>(rows);
    whole.bytes.owner = base::Buffer::try_allocate(rows * row_bytes);
    if (row_bytes > 0 && !whole.bytes.owner) return no_memory(rows * row_bytes);
    whole.bytes.bytes = whole.bytes.owner.bytes();
  }
  if (row_bytes * rows != whole.bytes.bytes.size()) {
    return fail(Code::kInternal, "output '" + name + "' came back with rows of another size");
  }
  if (row_bytes > 0) {
    std::memcpy(whole.bytes.owner.data() + first * row_bytes, block.bytes.bytes.data(),
                block_rows * row_bytes);
  }
  return {};
}

}  // namespace

bool reads_columns(const base::Signature& signature, const ExecutorTraits& traits) {
  return traits.is_native && traits.is_thread_safe && !traits.sees_requests &&
         signature.inputs.size() == 1 && is_gathered(signature.inputs.front().dtype) &&
         std::ranges::none_of(signature.outputs, [](const base::TensorSpec& output) {
           return output.dtype == DType::kBytes;
         });
}

Result<std::size_t> run_columns(std::span<const Column> columns, std::size_t rows, Misfits misfits,
                                Executor& executor, std::vector<base::Tensor>& outputs) {
  const base::Signature& signature = executor.signature();
  PENSTOCK_CHECK(reads_columns(signature, executor.traits()) && outputs.empty());
  const DType dtype = signature.inputs.front().dtype;
  const std::size_t row_bytes = columns.size() * base::element_bytes(dtype);
  const std::size_t most =
      std::max(kBlockBytes / std::max<std::size_t>(row_bytes, 1), kBlockRowsMin);
  base::Buffer buffer = base::Buffer::try_allocate(std::min(most, rows) * row_bytes);
  if (rows * row_bytes > 0 && !buffer) return no_memory(std::min(most, rows) * row_bytes);
  outputs.resize(signature.outputs.size());
  std::vector<Column> shifted(columns.begin(), columns.end());
  std::vector<base::Tensor> answers;
  std::size_t bad = 0;
  for (std::size_t row = 0; row < rows; row += most) {
    const std::size_t count = std::min(most, rows - row);
    bad += gather_rows(shifted, count, dtype, buffer.data(),
                       {misfits.kinds.subspan(row), misfits.columns.subspan(row)});
    for (Column& column : shifted) column.first += count;
    base::Tensor input = block_tensor(signature, count, buffer);
    input.bytes.bytes = input.bytes.bytes.first(count * row_bytes);
    const auto block_rows = static_cast<std::int64_t>(count);
    answers.clear();
    auto done = executor.run(
        {.rows = block_rows, .inputs = {&input, 1}, .request_rows = {&block_rows, 1}}, answers);
    if (!done) return std::unexpected(done.error());
    PENSTOCK_CHECK(answers.size() == outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      done = append(answers[i], row, count, rows, signature.outputs[i].name, outputs[i]);
      if (!done) return std::unexpected(done.error());
    }
  }
  return bad;
}

}  // namespace penstock::model
