// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/executor.h"
#include "model/native_program.h"
#include "model/ort_runtime.h"
#include "model/signature.h"

namespace penstock::model {

// A compiled model (docs/native.md), run by the kernels of this machine. Inputs are read where
// they lie, outputs computed where they are sent from. Immutable after load(): run() may be called
// by any number of threads, each of which keeps scratch memory of its own.
class NativeExecutor : public Executor {
 public:
  // Loads the file at `path` and completes its signature as complete_signature() does. Outputs that
  // the config leaves out are not computed. `runtime` is for parts that did not compile, and
  // outlives the executor; null where there is none.
  static base::Result<std::unique_ptr<NativeExecutor>> load(
      const std::string& path, const ConfigSignature& config, const OrtRuntime* runtime = nullptr,
      std::int64_t batch_rows_default = kBatchRowsDefault);
  // The same of a file that has been read.
  static base::Result<std::unique_ptr<NativeExecutor>> make(
      const Artifact& artifact, const ConfigSignature& config, const OrtRuntime* runtime = nullptr,
      std::int64_t batch_rows_default = kBatchRowsDefault);

  const base::Signature& signature() const override { return signature_; }
  ExecutorTraits traits() const override {
    return {.is_native = true, .is_thread_safe = true, .takes_unaligned = true};
  }
  base::Result<> run(const ExecutorBatch& batch, std::vector<base::Tensor>& outputs) override;

 private:
  NativeExecutor() = default;
  base::Result<std::int64_t> rows_of(const ExecutorBatch& batch) const;
  base::Result<> allocate(std::int64_t rows, std::vector<base::Tensor>& outputs) const;

  base::Signature signature_;
  std::vector<std::size_t> input_places_;  // of each of the artifact's inputs in the signature
  std::unique_ptr<NativeProgram> program_;
};

}  // namespace penstock::model
