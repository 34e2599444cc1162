// SPDX-License-Identifier: Apache-2.0
#include "bindings/executor_call.h"

#include <string>
#include <utility>

namespace penstock::bindings {

using base::Code;
using base::fail;

base::Result<std::vector<base::Tensor>> inputs_of(const base::Signature& signature,
                                                  std::int64_t rows,
                                                  const std::vector<pybind11::array>& arrays) {
  if (rows < 0 || arrays.size() != signature.inputs.size()) {
    return fail(Code::kInvalidArgument, "wanted an array for each of " +
                                            std::to_string(signature.inputs.size()) +
                                            " inputs, got " + std::to_string(arrays.size()));
  }
  // Without a batch dimension of the signature's, the first of its dims is that of the rows.
  const std::size_t first = signature.batch_rows_max > 0 ? 0 : 1;
  std::vector<base::Tensor> inputs;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const base::TensorSpec& spec = signature.inputs[i];
    base::Tensor tensor{.dtype = spec.dtype, .shape = {rows}, .bytes = {}};
    for (std::size_t j = first; j < spec.dims.size(); ++j) tensor.shape.push(spec.dims[j]);
    const auto bytes = static_cast<std::size_t>(arrays[i].nbytes());
    if ((arrays[i].flags() & pybind11::array::c_style) == 0) {
      return fail(Code::kInvalidArgument, "input '" + spec.name + "' is not contiguous");
    }
    const auto elements = tensor.shape.elements();
    const std::size_t size = base::element_bytes(spec.dtype);
    // How many elements a BYTES tensor has is seen when they are read.
    if (!elements ||
        (size > 0 && (bytes % size != 0 || !std::cmp_equal(bytes / size, *elements)))) {
      return fail(Code::kInvalidArgument, "input '" + spec.name + "' has " + std::to_string(bytes) +
                                              " bytes, which are no " +
                                              std::string(base::name_of(spec.dtype)) + " " +
                                              tensor.shape.text());
    }
    tensor.bytes.bytes = {static_cast<const std::byte*>(arrays[i].data()), bytes};
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

}  // namespace penstock::bindings
