// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/executor.h"
#include "model/ort_options.h"
#include "model/ort_runtime.h"
#include "model/signature.h"

namespace penstock::model {

// An ONNX model in ONNX Runtime. Inputs are bound where they lie; outputs whose shape is known
// before the run are computed straight into their Buffer, others are copied into one. Strings are
// copied both ways, because ONNX Runtime keeps each in an object of its own. run() may be called
// by any number of threads at a time.
class OrtExecutor : public Executor {
 public:
  // Loads the ONNX file at `path` and completes its signature as complete_signature() does.
  // `runtime` must outlive the executor.
  static base::Result<std::unique_ptr<OrtExecutor>> load(
      const OrtRuntime& runtime, const std::string& path, const OrtOptions& options,
      const ConfigSignature& config, std::int64_t batch_rows_default = kBatchRowsDefault);

  const base::Signature& signature() const override { return signature_; }
  ExecutorTraits traits() const override { return {.is_native = true, .is_thread_safe = true}; }
  base::Result<> run(const ExecutorBatch& batch, std::vector<base::Tensor>& outputs) override;

 private:
  // Whether the shapes that the model declares for its outputs are those it gives. Some files lie,
  // which ONNX Runtime forgives unless the output is bound beforehand.
  enum class Shapes : std::uint8_t { kUnproven, kTrue, kUntrue };
  struct Port {
    int element_type = 0;
    bool is_bound = false;  // an output: its Buffer is made before the run
  };
  struct Call;

  explicit OrtExecutor(const OrtRuntime& runtime)
      : runtime_(runtime), session_(runtime), run_options_(runtime) {}
  base::Result<> open(const std::string& path, const OrtOptions& options,
                      const ConfigSignature& config, std::int64_t batch_rows_default);
  void plan_ports(const GraphSignature& graph);
  base::Result<> run_once(const ExecutorBatch& batch, bool binds,
                          std::vector<base::Tensor>& outputs);
  base::Result<> bind_inputs(const ExecutorBatch& batch, Call& call) const;
  base::Result<> bind_outputs(const ExecutorBatch& batch, Call& call,
                              std::vector<base::Tensor>& outputs) const;
  base::Result<> take_outputs(const ExecutorBatch& batch, const Call& call,
                              std::vector<base::Tensor>& outputs) const;

  const OrtRuntime& runtime_;
  OrtSession session_;
  OrtRunOptions run_options_;
  base::Signature signature_;
  std::vector<Port> inputs_;  // in the signature's order
  std::vector<Port> outputs_;
  std::vector<const char*> output_names_;
  std::atomic<Shapes> shapes_{Shapes::kUnproven};
};

}  // namespace penstock::model
