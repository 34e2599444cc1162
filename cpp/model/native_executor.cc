// SPDX-License-Identifier: Apache-2.0
#include "model/native_executor.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "base/bytes_elements.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/monitor.h"
#include "kernels/cpu.h"

namespace penstock::model {
namespace {

using base::Code;
using base::fail;
using base::Result;

GraphTensor graph_tensor(const artifact::Port& port) {
  GraphTensor tensor{
      .name = std::string(port.name), .dtype = port.dtype, .dims = std::vector<std::int64_t>{-1}};
  for (const std::uint32_t dim : port.dims) tensor.dims->push_back(dim);
  return tensor;
}

GraphSignature graph_signature(const Artifact& artifact) {
  GraphSignature graph;
  for (const artifact::Port& port : artifact.inputs) graph.inputs.push_back(graph_tensor(port));
  for (const artifact::Port& port : artifact.outputs) graph.outputs.push_back(graph_tensor(port));
  return graph;
}

// Where the tensor of that name stands, which complete_signature() has seen to.
template <class Named, class Name>
std::size_t place_of(const std::vector<Named>& all, const Name& name) {
  const auto at = std::ranges::find(all, name, &Named::name);
  PENSTOCK_CHECK(at != all.end());
  return static_cast<std::size_t>(at - all.begin());
}

std::unexpected<base::Error> no_memory(const std::string& name, const base::Shape& shape) {
  return fail(Code::kResourceExhausted,
              "no memory for output '" + name + "' of shape " + shape.text());
}

Result<> encode_texts(std::span<const std::string_view> texts, const std::string& name,
                      base::Tensor& tensor) {
  std::size_t size = 0;
  for (const std::string_view text : texts) size += sizeof(base::BytesLength) + text.size();
  tensor.bytes.owner = base::Buffer::try_allocate(size);
  if (size > 0 && !tensor.bytes.owner) return no_memory(name, tensor.shape);
  tensor.bytes.bytes = tensor.bytes.owner.bytes();
  std::byte* at = tensor.bytes.owner.data();
  for (const std::string_view text : texts) {
    const auto length = static_cast<base::BytesLength>(text.size());  // of a file or a request
    std::memcpy(at, &length, sizeof length);
    if (length > 0) std::memcpy(at + sizeof length, text.data(), length);
    at += sizeof length + length;
  }
  return {};
}

// Bounds of measuring what a row costs, at load: bytes of inputs and outputs, runs of each number
// of rows, and how long they may take.
constexpr std::size_t kMeasuredBytesMax = std::size_t{16} << 20;
constexpr base::Nanos kMeasuredRuns = 8;
constexpr base::Nanos kMeasuringBudget = 10 * base::kMillisecond;

// What one thread needs for its runs, whatever the model. The arrays keep their room.
struct ThreadState {
  kernels::Scratch scratch;
  std::vector<artifact::Bytes> inputs;
  std::vector<std::byte*> outputs;
  NativeProgram::Texts texts;
};

}  // namespace

Result<std::unique_ptr<NativeExecutor>> NativeExecutor::load(const std::string& path,
                                                             const ConfigSignature& config,
                                                             const OrtRuntime* runtime,
                                                             std::int64_t batch_rows_default,
                                                             std::size_t threads) {
  const auto artifact = open_artifact(path);
  if (!artifact) return std::unexpected(artifact.error());
  return make(*artifact, config, runtime, batch_rows_default, threads);
}

Result<std::unique_ptr<NativeExecutor>> NativeExecutor::make(const Artifact& artifact,
                                                             const ConfigSignature& config,
                                                             const OrtRuntime* runtime,
                                                             std::int64_t batch_rows_default,
                                                             std::size_t threads) {
  const auto isa = kernels::chosen_isa();
  if (!isa) return std::unexpected(isa.error());
  auto signature = complete_signature(config, graph_signature(artifact), batch_rows_default);
  if (!signature) return std::unexpected(signature.error());
  std::unique_ptr<NativeExecutor> executor(new NativeExecutor());
  executor->signature_ = *std::move(signature);
  for (const artifact::Port& port : artifact.inputs) {
    executor->input_places_.push_back(place_of(executor->signature_.inputs, port.name));
  }
  std::vector<std::size_t> outputs;
  for (const base::TensorSpec& spec : executor->signature_.outputs) {
    outputs.push_back(place_of(artifact.outputs, spec.name));
  }
  auto program = NativeProgram::build(artifact, outputs, *isa, runtime);
  if (!program) return std::unexpected(program.error());
  executor->program_ = *std::move(program);
  executor->plan_splitting(artifact, threads);
  return executor;
}

// Elements of BYTES lie one after the other: nobody knows where a row begins.
void NativeExecutor::plan_splitting(const Artifact& artifact, std::size_t threads) {
  for (const artifact::Port& port : artifact.inputs) {
    input_row_bytes_.push_back(artifact.values[port.value].width * base::element_bytes(port.dtype));
  }
  for (const base::TensorSpec& spec : signature_.outputs) {
    const artifact::Port& port = artifact.outputs[place_of(artifact.outputs, spec.name)];
    output_row_bytes_.push_back(artifact.values[port.value].width *
                                base::element_bytes(port.dtype));
  }
  const bool has_texts = std::ranges::count(input_row_bytes_, std::size_t{0}) > 0 ||
                         std::ranges::count(output_row_bytes_, std::size_t{0}) > 0;
  auto splitter = std::make_unique<RowSplitter>(threads);
  if (has_texts || splitter->threads() < 2) return;
  row_ns_ = measure_row_ns();
  const std::int64_t rows_max = signature_.batch_rows_max;  // 0: as many as anybody sends
  if (rows_max > 0 && !splitter->may_split(static_cast<std::size_t>(rows_max), row_ns_)) return;
  splitter_ = std::move(splitter);
}

// What a row of zeros costs in a batch, or by itself where that takes long already. 0, with which
// nothing is ever split: not measured.
double NativeExecutor::measure_row_ns() const {
  const auto sum = [](const std::vector<std::size_t>& sizes) {
    return std::accumulate(sizes.begin(), sizes.end(), std::size_t{1});
  };
  const std::size_t row_bytes = sum(input_row_bytes_) + sum(output_row_bytes_);
  if (row_bytes > kMeasuredBytesMax) return 0;
  const std::size_t rows_max = std::clamp<std::size_t>(kMeasuredBytesMax / row_bytes, 1, kPartUnit);
  std::vector<base::Buffer> blocks;
  const auto block = [&](std::size_t bytes) {
    blocks.push_back(base::Buffer::allocate(bytes));
    std::ranges::fill(blocks.back().bytes(), std::byte{0});
    return blocks.back().bytes();
  };
  std::vector<artifact::Bytes> inputs;
  std::vector<std::byte*> outputs;
  for (const std::size_t bytes : input_row_bytes_) inputs.push_back(block(rows_max * bytes));
  for (const std::size_t bytes : output_row_bytes_)
    outputs.push_back(block(rows_max * bytes).data());
  NativeProgram::Texts texts;
  kernels::Scratch scratch;
  const auto ns_of = [&](std::size_t rows) {
    double least = std::numeric_limits<double>::infinity();
    for (base::Nanos spent = 0, runs = 0; runs < kMeasuredRuns && spent < kMeasuringBudget;
         ++runs) {
      const base::Nanos begin = base::monotonic_now();
      if (!program_->run(rows, inputs, outputs, texts, scratch)) return 0.0;
      const base::Nanos taken = base::monotonic_now() - begin;
      spent += taken;
      least = std::min(least, static_cast<double>(taken) / static_cast<double>(rows));
    }
    return least;
  };
  const double alone = ns_of(1);
  if (alone * static_cast<double>(rows_max) > static_cast<double>(kMeasuringBudget)) return alone;
  return ns_of(rows_max);
}

bool NativeExecutor::run_split(std::size_t rows, std::span<const artifact::Bytes> inputs,
                               std::span<std::byte* const> outputs, Result<>& done) {
  base::Monitor<Result<>> first;
  const bool was_run = splitter_->run(rows, row_ns_, [&](std::size_t begin, std::size_t count) {
    // Another than run()'s: that one's arrays are what is being read here.
    static thread_local ThreadState part;
    part.inputs.clear();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::size_t bytes = input_row_bytes_[i];
      part.inputs.push_back(inputs[i].subspan(begin * bytes, count * bytes));
    }
    part.outputs.clear();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      part.outputs.push_back(outputs[i] + begin * output_row_bytes_[i]);
    }
    auto ran = program_->run(count, part.inputs, part.outputs, part.texts, part.scratch);
    if (!ran) *first.lock() = std::move(ran);
  });
  done = *first.lock();
  return was_run;
}

Result<> NativeExecutor::run(const ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
  static thread_local ThreadState thread;
  PENSTOCK_CHECK(batch.inputs.size() == input_places_.size());
  const auto rows = rows_of(batch);
  if (!rows) return std::unexpected(rows.error());
  if (auto allocated = allocate(*rows, outputs); !allocated) return allocated;
  thread.inputs.clear();
  for (const std::size_t place : input_places_) {
    thread.inputs.push_back(batch.inputs[place].bytes.bytes);
  }
  thread.outputs.clear();
  for (const base::Tensor& output : outputs) {
    thread.outputs.push_back(output.bytes.owner.data());
  }
  const auto count = static_cast<std::size_t>(*rows);
  if (Result<> done; splitter_ && run_split(count, thread.inputs, thread.outputs, done)) {
    return done;
  }
  auto done = program_->run(count, thread.inputs, thread.outputs, thread.texts, thread.scratch);
  auto texts = thread.texts.outputs.begin();
  for (std::size_t i = 0; done && i < outputs.size(); ++i) {
    if (outputs[i].dtype != base::DType::kBytes) continue;
    done = encode_texts(*texts++, signature_.outputs[i].name, outputs[i]);
  }
  thread.texts.blocks.clear();
  return done;
}

// Where the model does not batch by its signature, its inputs still are rows of one number.
Result<std::int64_t> NativeExecutor::rows_of(const ExecutorBatch& batch) const {
  if (signature_.batch_rows_max > 0) return batch.rows;
  const std::int64_t rows = batch.inputs.front().shape[0];
  for (std::size_t i = 1; i < batch.inputs.size(); ++i) {
    if (batch.inputs[i].shape[0] == rows) continue;
    return fail(Code::kInvalidArgument, "input '" + signature_.inputs[i].name + "' has " +
                                            std::to_string(batch.inputs[i].shape[0]) +
                                            " rows and input '" + signature_.inputs[0].name + "' " +
                                            std::to_string(rows) + ": wanted as many of each");
  }
  return rows;
}

Result<> NativeExecutor::allocate(std::int64_t rows, std::vector<base::Tensor>& outputs) const {
  outputs.resize(signature_.outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const base::TensorSpec& spec = signature_.outputs[i];
    base::Tensor& tensor = outputs[i];
    tensor.dtype = spec.dtype;
    tensor.shape = {rows};
    // Without a batch dimension of the signature's, the first of its dims is that of the rows.
    const std::size_t first = signature_.batch_rows_max > 0 ? 0 : 1;
    for (std::size_t j = first; j < spec.dims.size(); ++j) tensor.shape.push(spec.dims[j]);
    if (spec.dtype == base::DType::kBytes) continue;
    const auto elements = tensor.shape.elements();
    std::size_t size = 0;
    if (!elements || __builtin_mul_overflow(*elements, base::element_bytes(spec.dtype), &size)) {
      return fail(Code::kResourceExhausted,
                  "output '" + spec.name + "' of shape " + tensor.shape.text() + " is too large");
    }
    tensor.bytes.owner = base::Buffer::try_allocate(size);
    if (size > 0 && !tensor.bytes.owner) return no_memory(spec.name, tensor.shape);
    tensor.bytes.bytes = tensor.bytes.owner.bytes();
  }
  return {};
}

}  // namespace penstock::model
