// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/error.h"
#include "kernels/cpu.h"
#include "kernels/scratch.h"
#include "model/artifact.h"
#include "model/ort_runtime.h"

// The steps of a compiled model, ready to run: they keep copies of what they need of the file.
namespace penstock::model {

// Where the rows of each value begin in a run, by the value's number. A value is a matrix without
// gaps between its rows, aligned for its elements; those of TEXT are std::string_view.
struct StepFrame {
  std::span<std::byte* const> values;
  kernels::Scratch& scratch;
  // What went wrong first, in a step that can fail; the others go on and compute something.
  std::optional<base::Error>& failure;

  template <class T>
  const T* read(std::uint32_t value) const {
    return reinterpret_cast<const T*>(values[value]);
  }
  template <class T>
  T* write(std::uint32_t value) const {
    return reinterpret_cast<T*>(values[value]);
  }
};

// Immutable: any thread may run it.
class NativeStep {
 public:
  NativeStep() = default;
  NativeStep(const NativeStep&) = delete;
  NativeStep& operator=(const NativeStep&) = delete;
  virtual ~NativeStep() = default;

  // Computes that many rows of the value that it writes. What could make it fail has been checked
  // when the file was read; only ONNX Runtime can still find something, and writes it down.
  virtual void run(const StepFrame& frame, std::size_t rows) const = 0;
};

// A step that cannot be made on this machine, or for which there is no memory, is a failure.
using MadeStep = base::Result<std::unique_ptr<NativeStep>>;

// Layers of which each reads what the one before it writes, and nobody else does: one step.
MadeStep make_dense_step(const Artifact& artifact, std::span<const artifact::Step* const> layers,
                         kernels::Isa isa);
MadeStep make_forest_step(const Artifact& artifact, const artifact::Step& step, kernels::Isa isa);

// `runtime` may be null, which then is the failure; it outlives the step.
MadeStep make_onnx_step(const Artifact& artifact, const artifact::Step& step,
                        const OrtRuntime* runtime);

// Whether a step did not compile.
bool needs_onnxruntime(const Artifact& artifact);

// Makes any step but Dense, Forest and Onnx, of an artifact that has been checked.
std::unique_ptr<NativeStep> make_small_step(const Artifact& artifact, const artifact::Step& step);
std::unique_ptr<NativeStep> make_activation(const Artifact& artifact, const artifact::Step& step,
                                            const artifact::Activation& activation);
std::unique_ptr<NativeStep> make_text_step(const artifact::Step& step, std::uint32_t width,
                                           const artifact::StringIndex& index);
std::unique_ptr<NativeStep> make_text_step(const artifact::Step& step, std::uint32_t width,
                                           const artifact::Labels& labels);

}  // namespace penstock::model
