// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "base/tensor.h"
#include "wire/infer_request.h"

namespace penstock::wire {

// Protobuf inference.ModelInferRequest -> `request`, without copying names or raw tensors.
// `message` is kept alive by the inputs' slices. FP32 / FP64 typed contents in one packed run are
// views too (packed little-endian floats are the raw form); other typed contents are decoded into
// a block (typed_contents.h says which field belongs to which datatype).
// Checks what can be checked without knowing the model: the protobuf's own form, known datatypes,
// ranks and dimensions that are sane, one source of bytes per tensor (all raw or all typed),
// bytes that match shape x datatype, BYTES elements that end where the tensor ends. An input whose
// parameters name a shared memory region has no raw_input_contents, and the raw ones are those of
// the other inputs, in order.
// Names, ids and string parameters are UTF-8; names of inputs are distinct, as are those of
// outputs; counts stay within limits.h. An empty model_name is the caller's to refuse.
//
// Fields may come in any order. Of a scalar field or a parameter given twice the last one counts;
// unknown fields are skipped; a second `contents` in one input is refused rather than merged.
// Errors are kInvalidArgument and name the tensor, what was wanted and what came (only a lack of
// memory for typed contents is kResourceExhausted); `request` is then empty.
base::Result<> decode_infer_request(const base::Slice& message, InferRequest& request);

// Where a tensor's bytes are in a client's shared memory.
struct SharedPlace {
  std::string_view region;
  std::uint64_t offset = 0;
  std::uint64_t byte_size = 0;
};

// One output of an answer: its tensor and the name it goes by.
struct InferOutput {
  std::string_view name;
  const base::Tensor* tensor = nullptr;
  // Where its bytes were written: the answer then says where instead of carrying them.
  std::optional<SharedPlace> shared = std::nullopt;
};

struct InferAnswer {
  std::string_view model_name;
  std::string_view model_version;
  std::string_view id;
  std::span<const InferOutput> outputs;
  std::string_view arm = {};  // of the route that the request went by; empty: it is no route's
};

// The parameter of an answer that tells the arm.
inline constexpr std::string_view kArmParameter = "penstock_arm";

// An encoded message in pieces, in order: small parts are copied together, large tensors are
// referred to. Ready for writev.
struct EncodedMessage {
  std::vector<base::Slice> pieces;
  std::size_t size = 0;

  void clear() {
    pieces.clear();
    size = 0;
  }
};

// Tensors of at least this many bytes are referred to rather than copied.
inline constexpr std::size_t kReferredBytesMin = 2048;

// `answer` -> inference.ModelInferResponse with raw_output_contents, preceded by `prefix_bytes`
// bytes left undefined for the caller's framing (gRPC's 5; they are the start of the first piece
// and counted in `size`). An output in shared memory has its place as parameters, and empty raw
// contents, for clients find an output's contents by its index.
void encode_infer_answer(const InferAnswer& answer, std::size_t prefix_bytes,
                         EncodedMessage& encoded);

}  // namespace penstock::wire
