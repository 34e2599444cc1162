// SPDX-License-Identifier: Apache-2.0
#include "wire/raw_infer.h"

#include <cstring>
#include <limits>
#include <string>

#include "base/bytes_elements.h"
#include "base/text.h"
#include "wire/tensor_checks.h"

namespace penstock::wire {
namespace {

using base::Code;
using base::DType;

std::unexpected<base::Error> refuse(const std::string& why) {
  return base::fail(Code::kInvalidArgument, "a raw binary request " + why);
}

// The one dimension that is left open, if any, becomes what makes `elements` of the shape.
base::Result<> close_shape(base::Shape& shape, std::size_t elements) {
  std::size_t known = 1;
  std::size_t open_dims = 0;
  for (const std::int64_t dim : shape.dims()) {
    if (dim < 0) {
      ++open_dims;
    } else if (__builtin_mul_overflow(known, static_cast<std::size_t>(dim), &known)) {
      return refuse("cannot have shape " + shape.text());
    }
  }
  if (open_dims == 0) return {};
  if (open_dims > 1) {
    return refuse("cannot say which shape is meant: the model's input has shape " + shape.text() +
                  ", where more than one dimension is open; say the shape in JSON");
  }
  if (known == 0 ? elements != 0 : elements % known != 0) {
    return refuse("of " + std::to_string(elements) + " elements fits no shape " + shape.text());
  }
  for (std::size_t i = 0; i < shape.rank(); ++i) {
    if (shape[i] < 0) shape[i] = known == 0 ? 0 : static_cast<std::int64_t>(elements / known);
  }
  return {};
}

base::Result<> take_one_string(const base::Slice& body, InferInput& input) {
  if (body.bytes.size() > std::numeric_limits<base::BytesLength>::max()) {
    return refuse("can have at most 4 GiB");
  }
  const auto length = static_cast<base::BytesLength>(body.bytes.size());
  const base::Buffer block = base::Buffer::try_allocate(sizeof length + body.bytes.size());
  if (!block) return base::fail(Code::kResourceExhausted, about(input) + "no memory for its bytes");
  std::memcpy(block.data(), &length, sizeof length);
  if (length > 0) std::memcpy(block.data() + sizeof length, body.bytes.data(), length);
  input.bytes = {block, block.bytes()};
  return {};
}

base::Result<> decode(const base::Slice& body, const base::Signature& signature,
                      InferRequest& request) {
  if (signature.inputs.size() != 1) {
    return refuse(
        "(Inference-Header-Content-Length: 0) needs a model with one input, this one has " +
        std::to_string(signature.inputs.size()) + "; name them in JSON");
  }
  const base::TensorSpec& spec = signature.inputs.front();
  InferInput& input = request.inputs.emplace_back();
  input.name = spec.name;
  input.dtype = spec.dtype;
  const std::size_t lead = signature.batch_rows_max > 0 ? 1 : 0;
  if (spec.dims.size() + lead > base::kRankMax) {
    return refuse("cannot have so many dimensions as the model's input");
  }
  if (lead > 0) input.shape.push(1);
  for (const std::int64_t dim : spec.dims) input.shape.push(dim);

  if (spec.dtype == DType::kBytes) {
    if (auto taken = take_one_string(body, input); !taken) return taken;
    if (auto closed = close_shape(input.shape, 1); !closed) return closed;
  } else {
    const std::size_t element_bytes = base::element_bytes(spec.dtype);
    input.bytes = body;
    if (auto closed = close_shape(input.shape, body.bytes.size() / element_bytes); !closed) {
      return closed;
    }
  }
  if (const auto elements = count_elements(input); !elements) {
    return std::unexpected(elements.error());
  }
  if (auto checked = check_raw_bytes(input); !checked) return checked;
  request.parameters_pool.push_back({"binary_data_output", true});
  request.parameters = {0, 1};
  return {};
}

}  // namespace

base::Result<> decode_raw_infer(const base::Slice& body, const base::Signature& signature,
                                InferRequest& request) {
  request.clear();
  base::Result<> decoded = decode(body, signature, request);
  if (!decoded) request.clear();
  return decoded;
}

}  // namespace penstock::wire
