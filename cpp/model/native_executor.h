// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/executor.h"
#include "model/native_program.h"
#include "model/ort_runtime.h"
#include "model/row_split.h"
#include "model/signature.h"

namespace penstock::model {

// A compiled model (docs/native.md), run by the kernels of this machine. Inputs are read where
// they lie, outputs computed where they are sent from. Immutable after load(): run() may be called
// by any number of threads, each of which keeps scratch memory of its own. A batch that is large
// enough is computed by several threads; the answers are the same.
class NativeExecutor : public Executor {
 public:
  // Loads the file at `path` and completes its signature as complete_signature() does. Outputs that
  // the config leaves out are not computed. `runtime` is for parts that did not compile, and
  // outlives the executor; null where there is none. `threads` compute a large batch where that
  // pays, the caller's included; 0: as row_split.h chooses.
  static base::Result<std::unique_ptr<NativeExecutor>> load(
      const std::string& path, const ConfigSignature& config, const OrtRuntime* runtime = nullptr,
      std::int64_t batch_rows_default = kBatchRowsDefault, std::size_t threads = 1);
  // The same of a file that has been read.
  static base::Result<std::unique_ptr<NativeExecutor>> make(
      const Artifact& artifact, const ConfigSignature& config, const OrtRuntime* runtime = nullptr,
      std::int64_t batch_rows_default = kBatchRowsDefault, std::size_t threads = 1);

  const base::Signature& signature() const override { return signature_; }
  ExecutorTraits traits() const override {
    return {.is_native = true, .is_thread_safe = true, .takes_unaligned = true};
  }
  base::Result<> run(const ExecutorBatch& batch, std::vector<base::Tensor>& outputs) override;

 private:
  NativeExecutor() = default;
  base::Result<std::int64_t> rows_of(const ExecutorBatch& batch) const;
  base::Result<> allocate(std::int64_t rows, std::vector<base::Tensor>& outputs) const;
  void plan_splitting(const Artifact& artifact, std::size_t threads);
  double measure_row_ns() const;
  bool run_split(std::size_t rows, std::span<const artifact::Bytes> inputs,
                 std::span<std::byte* const> outputs, base::Result<>& done);

  base::Signature signature_;
  std::vector<std::size_t> input_places_;  // of each of the artifact's inputs in the signature
  std::unique_ptr<NativeProgram> program_;
  // None: every batch is computed by the thread that brings it.
  std::unique_ptr<RowSplitter> splitter_;
  double row_ns_ = 0;                         // of a batch, measured at load
  std::vector<std::size_t> input_row_bytes_;  // in the artifact's order
  std::vector<std::size_t> output_row_bytes_;
};

}  // namespace penstock::model
