// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "base/error.h"
#include "base/tensor.h"
#include "model/executor.h"

namespace penstock::bindings {

// One instance of a model written in Python: enters the interpreter once per batch, on its
// instance thread, with views of the batch's buffers.
class PythonExecutor : public model::Executor {
 public:
  // `execute` is called, and closed at the end, as _core.pyi says of ModelSpec.python_executes.
  // With the lock held.
  PythonExecutor(pybind11::object execute, base::Signature signature);
  ~PythonExecutor() override;  // takes the lock

  const base::Signature& signature() const override { return signature_; }
  model::ExecutorTraits traits() const override { return {.sees_requests = sees_requests_}; }
  base::Result<> run(const model::ExecutorBatch& batch,
                     std::vector<base::Tensor>& outputs) override;

 private:
  base::Result<> call(const model::ExecutorBatch& batch, std::vector<base::Tensor>& outputs);
  base::Result<> take_outputs(const pybind11::object& answer,
                              std::vector<base::Tensor>& outputs) const;
  base::Result<> take_answers(const pybind11::object& answer,
                              const model::ExecutorBatch& batch) const;
  base::Answer answer_of(const pybind11::handle& given) const;

  pybind11::object execute_;
  const base::Signature signature_;
  const bool sees_requests_;
};

}  // namespace penstock::bindings
