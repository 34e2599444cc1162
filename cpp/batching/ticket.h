// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/tensor.h"

namespace penstock::batching {

// Where an answer goes: a name, never a pointer. The stream may be gone when the answer comes; its
// io thread then finds no such connection, stream or call, and drops the answer.
struct ReplyAddress {
  std::uint32_t io_thread = 0;
  std::uint32_t connection_slot = 0;
  std::uint64_t connection_id = 0;
  std::int32_t stream_id = 0;
};

// One accepted request on its way to an executor. Owned by exactly one place at a time: the io
// thread that decoded it, a queue, a batch.
struct Ticket {
  ReplyAddress reply;
  base::Nanos arrived_ns = 0;                    // when its bytes were complete
  base::Nanos enqueued_ns = 0;                   // set by the queue
  base::Nanos deadline_ns = base::kNever;        // the caller's: past it nobody wants the answer
  base::Nanos queue_deadline_ns = base::kNever;  // the model's bound on waiting in the queue
  std::int64_t rows = 1;                         // 1 where the model has no batch dimension
  std::uint64_t shape_key = 0;                   // equal for tickets that may share a batch
  // In the order of Signature::inputs. Bytes are kept alive by each tensor's own slice.
  std::vector<base::Tensor> inputs;
  std::string facts = {};  // what the request says beside its tensors, if its version wants that
};

// What a ticket got: its own rows of every output (slices of the batch's outputs), or why not.
struct Outcome {
  base::Result<std::vector<base::Tensor>> outputs;
  std::int64_t batch_rows = 0;        // of the whole batch; 0: never executed
  std::int64_t rows = 1;              // of the ticket
  base::Nanos queue_ns = 0;           // enqueued -> cut
  base::Nanos compute_input_ns = 0;   // gather
  base::Nanos compute_infer_ns = 0;   // the executor
  base::Nanos compute_output_ns = 0;  // scatter
};

// One answer on its way back to its io thread.
struct Reply {
  ReplyAddress address;
  Outcome outcome;
};

}  // namespace penstock::batching
