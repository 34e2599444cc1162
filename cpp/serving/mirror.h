// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/tensor.h"

namespace penstock::serving {

class Shadow;

// A copy of one request and of what the primary answered, for one shadow. Bytes are not copied:
// tensors keep the blocks of the request's message and of the primary's outputs alive.
//
// Made by an io thread out of ShadowDesk::spare(), filled there, handed to the desk by offer(), and
// at home on that io thread again when the desk is done with it: what an io thread allocated is
// freed by that thread.
struct Mirror {
  std::shared_ptr<Shadow> shadow = {};

  // In the order and in the shapes of the primary's signature, as bind_request() leaves them:
  // before anything is reshaped for the primary's executor.
  std::vector<base::Tensor> inputs = {};
  std::int64_t rows = 1;
  std::string facts = {};  // Ticket::facts, if the primary sees requests

  // What the primary's executor answered, in the order of its signature and in the shapes that
  // answers have, before any of it is shown as classes; or why it failed.
  base::Result<std::vector<base::Tensor>> outputs = {};
  std::int64_t batch_rows = 0;  // of the batch it was executed in
  base::Nanos compute_ns = 0;   // that the executor took for that batch

  std::uint64_t key_hash = 0;
  std::string request_id = {};

  // Set by offer().
  std::shared_ptr<const base::Signature> signature = {};  // the primary's
  std::uint32_t io_thread = 0;
  std::size_t charged_bytes = 0;

  // Empty, but for the memory of its vectors.
  void clear() {
    shadow.reset();
    inputs.clear();
    rows = 1;
    facts.clear();
    if (outputs) {
      outputs->clear();
    } else {
      outputs.emplace();
    }
    batch_rows = 0;
    compute_ns = 0;
    key_hash = 0;
    request_id.clear();
    signature.reset();
    charged_bytes = 0;
  }
};

}  // namespace penstock::serving
