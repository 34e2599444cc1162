// SPDX-License-Identifier: Apache-2.0
#include "model/native_program.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes_elements.h"
#include "base/check.h"
#include "base/text.h"

namespace penstock::model {
namespace {

using artifact::Kind;
using base::Result;

// What lies between the steps stays in the second level of the cache. Kernels for batches take 64
// rows at a time, and gain nothing beyond some thousands.
constexpr std::size_t kBlockBytes = std::size_t{256} << 10;
constexpr std::size_t kBlockUnit = 64;
constexpr std::size_t kBlockRowsMax = 4096;
// Rows may be so wide that not even a unit of them is to be had.
constexpr std::size_t kBlockBytesMax = std::size_t{64} << 20;

std::size_t memory_bytes(Kind kind) {
  return kind == Kind::kText ? sizeof(std::string_view) : base::element_bytes(dtype_of(kind));
}

// For each step of an artifact whether it is needed, and for each value who reads it.
struct Uses {
  static constexpr std::size_t kNone = SIZE_MAX;

  std::vector<bool> needs_step;
  std::vector<std::uint32_t> readers;    // how many: steps that are needed, and outputs
  std::vector<std::size_t> reader_step;  // the first step that does
};

Uses uses_of(const Artifact& artifact, std::span<const std::size_t> outputs) {
  Uses uses{.needs_step = std::vector<bool>(artifact.steps.size()),
            .readers = std::vector<std::uint32_t>(artifact.values.size()),
            .reader_step = std::vector<std::size_t>(artifact.values.size(), Uses::kNone)};
  for (const std::size_t output : outputs) ++uses.readers[artifact.outputs[output].value];
  for (std::size_t i = artifact.steps.size(); i-- > 0;) {
    const artifact::Step& step = artifact.steps[i];
    uses.needs_step[i] = uses.readers[step.writes] > 0;
    if (!uses.needs_step[i]) continue;
    for (const std::uint32_t value : step.reads) {
      ++uses.readers[value];
      uses.reader_step[value] = i;
    }
  }
  return uses;
}

// The layers that follow from `first`, each the only reader of what the one before it writes.
std::vector<std::size_t> dense_chain(const Artifact& artifact, const Uses& uses,
                                     std::size_t first) {
  std::vector<std::size_t> chain = {first};
  while (true) {
    const std::uint32_t last = artifact.steps[chain.back()].writes;
    const std::size_t next = uses.reader_step[last];
    if (uses.readers[last] != 1 || next == Uses::kNone) return chain;
    if (!std::holds_alternative<artifact::Dense>(artifact.steps[next].what)) return chain;
    chain.push_back(next);
  }
}

}  // namespace

struct NativeProgram::Run {
  std::span<const artifact::Bytes> inputs;
  std::span<std::byte* const> outputs;
  std::span<std::byte*> values;      // of the block at hand
  std::span<std::byte*> kept;        // where each of kept_ begins
  std::span<artifact::Bytes> rests;  // of each input of BYTES what is not read yet
};

Result<std::unique_ptr<NativeProgram>> NativeProgram::build(const Artifact& artifact,
                                                            std::span<const std::size_t> outputs,
                                                            kernels::Isa isa,
                                                            const OrtRuntime* runtime) {
  std::unique_ptr<NativeProgram> program(new NativeProgram());
  if (auto planned = program->plan(artifact, outputs, isa, runtime); !planned) {
    return std::unexpected(planned.error());
  }
  return program;
}

Result<> NativeProgram::plan(const Artifact& artifact, std::span<const std::size_t> outputs,
                             kernels::Isa isa, const OrtRuntime* runtime) {
  values_ = artifact.values.size();
  const Uses uses = uses_of(artifact, outputs);
  std::vector<bool> is_needed(values_);  // by itself, not within a chain
  for (const std::size_t output : outputs) is_needed[artifact.outputs[output].value] = true;
  std::vector<bool> is_made(artifact.steps.size());
  for (std::size_t i = 0; i < artifact.steps.size(); ++i) {
    if (!uses.needs_step[i] || is_made[i]) continue;
    const artifact::Step& first = artifact.steps[i];
    MadeStep made;
    std::uint32_t writes = first.writes;
    if (std::holds_alternative<artifact::Dense>(first.what)) {
      std::vector<const artifact::Step*> layers;
      for (const std::size_t place : dense_chain(artifact, uses, i)) {
        layers.push_back(&artifact.steps[place]);
        is_made[place] = true;
      }
      writes = layers.back()->writes;
      made = make_dense_step(artifact, layers, isa);
    } else if (std::holds_alternative<artifact::Forest>(first.what)) {
      made = make_forest_step(artifact, first, isa);
    } else if (std::holds_alternative<artifact::Onnx>(first.what)) {
      made = make_onnx_step(artifact, first, runtime);
    } else {
      made = make_small_step(artifact, first);
    }
    if (!made) {
      return base::fail(made.error().code,
                        "step " + base::quote(first.name, '\'') + ": " + made.error().why);
    }
    steps_.push_back(*std::move(made));
    for (const std::uint32_t value : first.reads) is_needed[value] = true;
    is_needed[writes] = true;
  }
  plan_ports(artifact, outputs);
  plan_values(artifact, is_needed);
  return {};
}

void NativeProgram::plan_ports(const Artifact& artifact, std::span<const std::size_t> outputs) {
  std::vector<bool> is_placed(values_);  // by a port
  for (const artifact::Port& port : artifact.inputs) {
    const artifact::Value& value = artifact.values[port.value];
    InputPlan plan{.value = port.value, .width = value.width};
    if (value.kind != Kind::kText) {
      plan.row_bytes = value.width * base::element_bytes(port.dtype);
      plan.convert = converter(port.dtype, dtype_of(value.kind));
      plan.is_direct = port.dtype == dtype_of(value.kind);
      plan.alignment = memory_bytes(value.kind);
    }
    is_placed[port.value] = true;
    inputs_.push_back(plan);
  }
  for (const std::size_t place : outputs) {
    const artifact::Port& port = artifact.outputs[place];
    const artifact::Value& value = artifact.values[port.value];
    OutputPlan plan{.value = port.value, .width = value.width};
    if (value.kind != Kind::kText) {
      plan.row_bytes = value.width * base::element_bytes(port.dtype);
      plan.convert = converter(dtype_of(value.kind), port.dtype);
      plan.is_direct = !is_placed[port.value] && port.dtype == dtype_of(value.kind);
      is_placed[port.value] = is_placed[port.value] || plan.is_direct;
    }
    outputs_.push_back(plan);
  }
}

void NativeProgram::plan_values(const Artifact& artifact, const std::vector<bool>& is_needed) {
  std::vector<bool> is_elsewhere(values_);  // where the caller has it
  std::vector<bool> is_whole(values_);
  for (const OutputPlan& output : outputs_) {
    if (output.is_direct) is_elsewhere[output.value] = true;
    if (output.row_bytes == 0) is_whole[output.value] = true;
  }
  // An input whose address does not fit is copied here, which is rare.
  std::vector<bool> is_spare(values_);
  for (InputPlan& input : inputs_) {
    input.is_needed = is_needed[input.value];
    is_spare[input.value] = input.is_direct;
  }
  std::size_t block_row_bytes = 0;
  std::size_t all_row_bytes = 0;
  for (std::uint32_t i = 0; i < values_; ++i) {
    if (!is_needed[i] || is_elsewhere[i]) continue;
    const artifact::Value& value = artifact.values[i];
    const std::size_t row_bytes = value.width * memory_bytes(value.kind);
    kept_.push_back({.value = i, .row_bytes = row_bytes, .is_whole = is_whole[i]});
    if (is_whole[i]) continue;
    all_row_bytes += row_bytes;
    if (!is_spare[i]) block_row_bytes += row_bytes;
  }
  const std::size_t fitting = kBlockBytes / std::max<std::size_t>(block_row_bytes, 1);
  block_rows_ = std::clamp(fitting / kBlockUnit * kBlockUnit, kBlockUnit, kBlockRowsMax);
  // A call of ONNX Runtime costs more than values that are not in the cache.
  if (needs_onnxruntime(artifact)) block_rows_ = kBlockRowsMax;
  const std::size_t possible = kBlockBytesMax / std::max<std::size_t>(all_row_bytes, 1);
  block_rows_ = std::clamp<std::size_t>(possible, 1, block_rows_);
}

Result<> NativeProgram::run(std::size_t rows, std::span<const artifact::Bytes> inputs,
                            std::span<std::byte* const> outputs, Texts& texts,
                            kernels::Scratch& scratch) const {
  PENSTOCK_CHECK(inputs.size() == inputs_.size() && outputs.size() == outputs_.size());
  scratch.reset();
  Run run{.inputs = inputs,
          .outputs = outputs,
          .values = scratch.take_of<std::byte*>(values_),
          .kept = scratch.take_of<std::byte*>(kept_.size()),
          .rests = scratch.take_of<artifact::Bytes>(inputs.size())};
  std::ranges::copy(inputs, run.rests.begin());
  texts.outputs.clear();
  texts.blocks.clear();
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    if (!kept_[i].is_whole) {
      run.kept[i] = scratch.take(std::min(rows, block_rows_) * kept_[i].row_bytes).data();
      continue;
    }
    std::size_t bytes = 0;
    const bool is_too_large = __builtin_mul_overflow(rows, kept_[i].row_bytes, &bytes);
    base::Buffer block = is_too_large ? base::Buffer() : base::Buffer::try_allocate(bytes);
    if (is_too_large || (bytes > 0 && !block)) {
      return base::fail(base::Code::kResourceExhausted,
                        "no memory for the texts of " + std::to_string(rows) + " rows");
    }
    run.kept[i] = block.data();
    texts.blocks.push_back(std::move(block));
  }
  std::optional<base::Error> failure;
  const StepFrame frame{.values = run.values, .scratch = scratch, .failure = failure};
  for (std::size_t at = 0; at < rows; at += block_rows_) {
    const std::size_t block = std::min(block_rows_, rows - at);
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      run.values[kept_[i].value] = run.kept[i] + (kept_[i].is_whole ? at * kept_[i].row_bytes : 0);
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const OutputPlan& output = outputs_[i];
      if (output.is_direct) run.values[output.value] = outputs[i] + at * output.row_bytes;
    }
    if (auto taken = take_inputs(run, at, block); !taken) return taken;
    for (const auto& step : steps_) {
      const kernels::Scratch::Frame own(scratch);
      step->run(frame, block);
    }
    if (failure) [[unlikely]]
      return std::unexpected(*std::move(failure));
    give_outputs(run, at, block);
  }
  for (const OutputPlan& output : outputs_) {
    if (output.row_bytes != 0) continue;
    const auto kept = std::ranges::find(kept_, output.value, &Kept::value);
    const auto* const begin = reinterpret_cast<const std::string_view*>(
        run.kept[static_cast<std::size_t>(kept - kept_.begin())]);
    texts.outputs.emplace_back(begin, rows * output.width);
  }
  return {};
}

Result<> NativeProgram::take_inputs(Run& run, std::size_t at, std::size_t rows) const {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const InputPlan& input = inputs_[i];
    if (!input.is_needed) continue;
    std::byte*& to = run.values[input.value];
    if (input.row_bytes == 0) {
      auto* const elements = reinterpret_cast<std::string_view*>(to);
      for (std::size_t j = 0; j < rows * input.width; ++j) {
        const auto element = base::take_bytes_element(run.rests[i]);
        if (!element) {
          return base::fail(base::Code::kInvalidArgument,
                            "an input of BYTES has fewer elements than its shape");
        }
        elements[j] = {reinterpret_cast<const char*>(element->data()), element->size()};
      }
      continue;
    }
    const std::byte* const from = run.inputs[i].data() + at * input.row_bytes;
    if (input.is_direct && reinterpret_cast<std::uintptr_t>(from) % input.alignment == 0) {
      to = const_cast<std::byte*>(from);  // no step writes a value that is an input
    } else {
      input.convert(from, to, rows * input.width);
    }
  }
  return {};
}

void NativeProgram::give_outputs(const Run& run, std::size_t at, std::size_t rows) const {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const OutputPlan& output = outputs_[i];
    if (output.is_direct || output.row_bytes == 0) continue;
    output.convert(run.values[output.value], run.outputs[i] + at * output.row_bytes,
                   rows * output.width);
  }
}

}  // namespace penstock::model
