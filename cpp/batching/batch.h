// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/answer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/tensor.h"
#include "batching/ticket.h"

namespace penstock::batching {

// One batch as an executor is handed it: `inputs` in the order of Signature::inputs; with a batch
// dimension each has `rows` as its first one, and request_rows says how many of them each ticket
// brought. `request_facts` are Ticket::facts, in order; empty if no ticket has any. `answers` is
// where an answer for each ticket goes, by whoever gives these in place of outputs.
struct BatchView {
  std::int64_t rows = 0;
  std::span<const base::Tensor> inputs;
  std::span<const std::int64_t> request_rows;
  std::span<const std::string_view> request_facts = {};
  std::vector<base::Answer>* answers = nullptr;
};

// What became of a batch, and how long each step took.
struct BatchReport {
  std::int64_t rows = 0;
  bool is_ok = false;  // executed, with outputs as they should be
  base::Nanos compute_input_ns = 0;
  base::Nanos compute_infer_ns = 0;
  base::Nanos compute_output_ns = 0;
};

// Whatever executes a batch, borrowed for the length of a call: anything callable as
//   base::Result<>(const BatchView& batch, std::vector<base::Tensor>& outputs)
// that fills `outputs` (empty at the call) in the order of Signature::outputs, or `*batch.answers`
// (empty, too) with one for each ticket, or fails them all.
class ExecuteRef {
 public:
  template <class Callable>
  requires(!std::is_same_v<std::remove_cvref_t<Callable>, ExecuteRef>)
      ExecuteRef(Callable& callable)
      : callable_(const_cast<void*>(static_cast<const void*>(&callable))),
        call_([](void* self, const BatchView& batch, std::vector<base::Tensor>& outputs) {
          return (*static_cast<Callable*>(self))(batch, outputs);
        }) {}

  base::Result<> operator()(const BatchView& batch, std::vector<base::Tensor>& outputs) const {
    return call_(callable_, batch, outputs);
  }

 private:
  void* callable_;
  base::Result<> (*call_)(void*, const BatchView&, std::vector<base::Tensor>&);
};

// Runs batches of one version: gathers the tickets' inputs, executes, checks what came out, gives
// every ticket its rows of it. Both lanes use it; `tickets` are whatever one of them has cut.
//
//  * Every ticket gets exactly one reply, in order, whatever the executor does; a failing batch
//    fails its own tickets and nothing else.
//  * The inputs of several tickets are copied together once, into aligned blocks. A ticket alone
//    is passed as it came, unless it is unaligned and the executor minds.
//  * Outputs are not copied: each ticket's are slices of the batch's, or the tensors of its answer.
//  * An answer that is an error, or wrong, fails its own ticket only.
//
// Lives on one thread; keeps its vectors between batches.
class BatchRunner {
 public:
  using Clock = base::Nanos (*)();

  // `signature` must outlive the runner.
  BatchRunner(std::string model_name, const base::Signature& signature, bool takes_unaligned,
              Clock now = base::monotonic_now);
  BatchRunner(const BatchRunner&) = delete;
  BatchRunner& operator=(const BatchRunner&) = delete;

  // Appends a reply per ticket to `replies`. With a batch dimension the tickets' inputs must have
  // the same shapes but for the first dimension, which is Ticket::rows; without one there must be
  // one ticket. The tickets' inputs are left as they are.
  // `cut_ns` is when the batch was cut, where the caller has just read the clock; 0: now.
  void run(std::span<const std::unique_ptr<Ticket>> tickets, ExecuteRef execute,
           std::vector<Reply>& replies, base::Nanos cut_ns = 0);

  // When the last batch had been executed; 0 before the first.
  base::Nanos executed_ns() const { return executed_ns_; }
  // The memory of an outcome that nobody needs any more, for a later one.
  void recycle(std::vector<base::Tensor>&& outputs);
  // How long the last batch took to execute; 0 before the first.
  base::Nanos last_run_ns() const { return last_run_ns_; }
  // Of the last batch.
  const BatchReport& report() const { return report_; }

 private:
  using Tickets = std::span<const std::unique_ptr<Ticket>>;

  bool is_batching() const { return signature_.batch_rows_max > 0; }
  base::Result<> gather(Tickets tickets);
  base::Result<> gather_input(Tickets tickets, std::size_t input);
  base::Result<> execute(ExecuteRef execute);
  base::Result<> check_outputs() const;
  base::Result<> check_answer(std::span<const base::Tensor> outputs, std::int64_t rows) const;
  base::Result<> check_count(std::size_t outputs) const;
  base::Result<> check_output(const base::Tensor& output, const base::TensorSpec& spec,
                              std::int64_t rows) const;
  void give_answers(std::span<Reply> replies);
  void scatter(std::span<Reply> replies);
  void scatter_output(const base::Tensor& output, std::span<Reply> replies) const;
  base::Error broken(std::string why) const;

  const std::string model_name_;
  const base::Signature& signature_;
  const bool takes_unaligned_;
  const Clock now_;
  base::Nanos last_run_ns_ = 0;
  base::Nanos executed_ns_ = 0;
  BatchReport report_;
  std::vector<std::vector<base::Tensor>> spare_outputs_;

  // Of the batch under way.
  std::int64_t rows_ = 0;
  std::vector<std::int64_t> request_rows_;
  std::vector<base::Tensor> gathered_;
  std::span<const base::Tensor> inputs_;  // gathered_, or those of the only ticket
  std::vector<base::Tensor> outputs_;
  std::vector<std::string_view> request_facts_;
  std::vector<base::Answer> answers_;
};

// For the inline lane, which has all its tickets at hand: brings those that may share a batch with
// the first to the front of `tickets`, up to `rows_max` rows (0: the first alone), leaves the
// others behind them in their order, and returns how many stand in front. `tickets` is not empty.
std::size_t cut_front(std::span<std::unique_ptr<Ticket>> tickets, std::int64_t rows_max);

}  // namespace penstock::batching
