// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/answer.h"
#include "base/error.h"
#include "base/tensor.h"

namespace penstock::model {

// One batch, ready to execute. Inputs stand in the order of Signature::inputs; with a batch
// dimension, each has `rows` as its first one. Every present input starts at a multiple of
// base::kTensorAlignment unless Traits::takes_unaligned says the executor does not mind.
struct ExecutorBatch {
  std::int64_t rows = 0;
  std::span<const base::Tensor> inputs;
  // How many rows each request of the batch brought, in order; their sum is `rows`.
  std::span<const std::int64_t> request_rows;
  // What each request says beside its tensors (serving/request_facts.h), in order; empty if none
  // says anything. Only for an executor that ExecutorTraits::sees_requests.
  std::span<const std::string_view> request_facts = {};
  // Where an executor may answer each request by itself, in order, in place of `outputs`: all of
  // them or none. An answer's first dimension is its request's rows; other dimensions may differ
  // from those of its neighbours. Never null for an executor that sees requests.
  std::vector<base::Answer>* answers = nullptr;
};

// Looks at what one instance answered: a tensor for every output of the signature, in its order, of
// the whole batch or, where the executor answers each request by itself, of one request. What it
// fails with, the batch fails with.
using Inspect = std::function<base::Result<>(std::span<const base::Tensor> outputs)>;

// Runs a batch that no client sent, and lets `inspect`, unless it is null, look at the answer.
// Fails with the first request that the executor fails.
base::Result<> try_out(
    const ExecutorBatch& batch,
    const std::function<base::Result<>(const ExecutorBatch&, std::vector<base::Tensor>&)>& run,
    const Inspect& inspect);

// What the way of a request may assume about an executor.
struct ExecutorTraits {
  bool is_native = false;           // never enters Python: may run on an io thread
  bool is_thread_safe = false;      // run() may be called by several threads at a time
  bool takes_unaligned = false;     // reads inputs at any address
  bool gains_from_batching = true;  // false: n rows cost n times one row, so gathering is waste
  bool sees_requests = false;       // is told what each request says beside its tensors
};

// Of an executor that runs models in processes of their own.
struct WorkerCounts {
  std::uint64_t up = 0;  // able to run a batch, or running one
  std::uint64_t restarts = 0;
};

// A loaded version that can run one batch. Made and destroyed by the engine's loader; run() is
// called by an instance thread, or by io threads if it is native and thread-safe.
class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  virtual const base::Signature& signature() const = 0;
  virtual ExecutorTraits traits() const = 0;

  // Computes every output of the signature, in its order, into `outputs` (empty at the call), or an
  // answer for each request into `*batch.answers`.
  // With a batch dimension each output's first dimension must be `batch.rows`. An output may share
  // the bytes of an input. Fails the whole batch with a sentence that names no request.
  virtual base::Result<> run(const ExecutorBatch& batch, std::vector<base::Tensor>& outputs) = 0;

  // try_out() on every instance that stands behind this executor, before any of them is in use.
  // Fails with the first that fails.
  virtual base::Result<> run_on_each(const ExecutorBatch& batch, const Inspect& inspect) {
    return try_out(
        batch,
        [this](const ExecutorBatch& own, std::vector<base::Tensor>& outputs) {
          return run(own, outputs);
        },
        inspect);
  }

  // Nobody waits for what run() computes any more: where the executor can, it lets go of it. From
  // any thread, before the executor is destroyed.
  virtual void interrupt() {}
  // Nothing: it runs in this process.
  virtual std::optional<WorkerCounts> workers() { return std::nullopt; }
};

}  // namespace penstock::model
