// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "base/tensor.h"
#include "kernels/cpu.h"
#include "model/artifact.h"
#include "model/native_convert.h"
#include "model/native_step.h"

namespace penstock::model {

// A compiled model in the form that this machine runs. Rows go through all steps in blocks that
// are small enough for the values between the steps to stay in the cache; what is an input or an
// output lies where the caller has it, unless it is of another datatype than its value. Immutable:
// any number of threads may run it, and once the scratch of a thread has grown, no run allocates.
class NativeProgram {
 public:
  // What the rows of outputs of BYTES say. They may be many, so they are not of the scratch, which
  // keeps what it once had.
  struct Texts {
    std::vector<std::span<const std::string_view>> outputs;
    std::vector<base::Buffer> blocks;  // that the spans are of
  };

  // `artifact` has been checked, and is not needed afterwards. `runtime` is for the parts that did
  // not compile; it outlives the program. Makes what the outputs at the places
  // `outputs` of the artifact's need, and nothing else.
  static base::Result<std::unique_ptr<NativeProgram>> build(const Artifact& artifact,
                                                            std::span<const std::size_t> outputs,
                                                            kernels::Isa isa,
                                                            const OrtRuntime* runtime = nullptr);

  // `inputs` are the bytes of `rows` rows of each of the artifact's inputs, at any address;
  // `outputs` have room for those of each output asked for, at addresses fit for their elements.
  // Those of an output of BYTES are not written: `texts` gets them, in the order of such outputs,
  // as views into the program and into the inputs. Fails if an input of BYTES has other elements
  // than its rows need, if there is no memory for texts, or where ONNX Runtime does.
  base::Result<> run(std::size_t rows, std::span<const artifact::Bytes> inputs,
                     std::span<std::byte* const> outputs, Texts& texts,
                     kernels::Scratch& scratch) const;

 private:
  struct InputPlan {
    std::uint32_t value = 0;
    std::size_t width = 0;
    std::size_t row_bytes = 0;  // of the tensor; 0: of BYTES
    ConvertElements convert = nullptr;
    bool is_needed = false;
    bool is_direct = false;  // the value is what the tensor has
    std::size_t alignment = 1;
  };
  struct OutputPlan {
    std::uint32_t value = 0;
    std::size_t width = 0;
    std::size_t row_bytes = 0;  // 0: of BYTES
    ConvertElements convert = nullptr;
    bool is_direct = false;  // the value is computed where the tensor lies
  };
  // A value that has rows of its own, in the scratch or, if it is whole, in a block.
  struct Kept {
    std::uint32_t value = 0;
    std::size_t row_bytes = 0;
    bool is_whole = false;  // of all rows of a run, not of a block
  };
  struct Run;

  NativeProgram() = default;
  base::Result<> plan(const Artifact& artifact, std::span<const std::size_t> outputs,
                      kernels::Isa isa, const OrtRuntime* runtime);
  void plan_ports(const Artifact& artifact, std::span<const std::size_t> outputs);
  void plan_values(const Artifact& artifact, const std::vector<bool>& is_needed);
  base::Result<> take_inputs(Run& run, std::size_t at, std::size_t rows) const;
  void give_outputs(const Run& run, std::size_t at, std::size_t rows) const;

  std::size_t values_ = 0;
  std::vector<InputPlan> inputs_;
  std::vector<OutputPlan> outputs_;
  std::vector<Kept> kept_;
  std::vector<std::unique_ptr<NativeStep>> steps_;
  std::size_t block_rows_ = 0;
};

}  // namespace penstock::model
