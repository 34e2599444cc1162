// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"
#include "memory/region_table.h"
#include "wire/infer_codec.h"
#include "wire/infer_request.h"

// Tensors of a request that are in a client's shared memory instead of in its message. The same for
// every protocol: what counts are the parameters of a decoded request.
//
//   decoded request -> locate_shared_inputs() -> (the caller charges their bytes)
//                   -> read_shared_inputs()   -> a request as if its bytes had been sent
//   bound request   -> locate_shared_outputs() -> kept with the call
//   outputs         -> write_shared_outputs(), place_of() -> the answer
//
// `regions` null: this server lets no client share memory, and whoever asks for it is refused.
namespace penstock::serving {

struct SharedInput {
  std::size_t index = 0;  // among the request's inputs
  memory::RegionPart part;
};

// An output that the client wants in its memory. Holds the region until the call is answered.
struct SharedOutput {
  std::uint32_t index = 0;  // among the model's outputs
  memory::RegionPart part;
};

// kUnavailable: client shared memory is off. The sentence is Triton's.
base::Error shared_memory_is_off();

// Finds where the inputs are, checked against the regions and their own shapes; reads nothing.
// Gives how many bytes they have together, or the most that can be counted.
base::Result<std::size_t> locate_shared_inputs(memory::RegionTable* regions,
                                               const wire::InferRequest& request,
                                               std::vector<SharedInput>& inputs);

// Copies each into a block of its own, aligned as executors like it. kResourceExhausted without
// memory for them.
base::Result<> read_shared_inputs(std::span<const SharedInput> inputs, wire::InferRequest& request);

// `wanted`: the indices among the model's outputs of those that the request names, in its order.
base::Result<> locate_shared_outputs(memory::RegionTable* regions,
                                     const wire::InferRequest& request,
                                     std::span<const std::uint32_t> wanted,
                                     std::vector<SharedOutput>& outputs);

// Writes those of `tensors`, the outputs that `specs` describe, that the client wants in its
// memory. None is written if one is larger than the client has made room for: kInvalidArgument.
base::Result<> write_shared_outputs(std::span<const SharedOutput> outputs,
                                    std::span<const base::TensorSpec> specs,
                                    std::span<const base::Tensor> tensors);

// Where output `index` was written, for the answer; good as long as `outputs`.
std::optional<wire::SharedPlace> place_of(std::span<const SharedOutput> outputs,
                                          std::uint32_t index, const base::Tensor& tensor);

}  // namespace penstock::serving
