// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/error.h"
#include "model/executor.h"
#include "model/signature.h"

namespace penstock::model {

// Gives its inputs back as its outputs, in order and without copying: for trying out a client, and
// for measuring everything but the model. Immutable; run() may be called on any thread.
class IdentityExecutor : public Executor {
 public:
  // Fails unless the config lists inputs and outputs that pair up by position, datatype and dims.
  static base::Result<std::unique_ptr<IdentityExecutor>> make(const ConfigSignature& config);

  const base::Signature& signature() const override { return signature_; }
  ExecutorTraits traits() const override {
    return {.is_native = true,
            .is_thread_safe = true,
            .takes_unaligned = true,
            .gains_from_batching = false};
  }
  base::Result<> run(const ExecutorBatch& batch, std::vector<base::Tensor>& outputs) override;

 private:
  explicit IdentityExecutor(base::Signature signature) : signature_(std::move(signature)) {}

  base::Signature signature_;
};

}  // namespace penstock::model
