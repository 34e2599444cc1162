// SPDX-License-Identifier: Apache-2.0
#include "model/identity_executor.h"

#include <string>

namespace penstock::model {
namespace {

// "'x' (FP32 [16])"
std::string text_of(const base::TensorSpec& spec) {
  return "'" + spec.name + "' (" + std::string(base::name_of(spec.dtype)) + " " +
         base::dims_text(spec.dims) + ")";
}

base::Result<> check_pairs(const base::Signature& signature) {
  const auto refuse = [](std::string why) {
    return base::fail(base::Code::kInvalidArgument,
                      why +
                          "; the identity backend gives each input back as the output of the "
                          "same position, datatype and dims");
  };
  if (signature.inputs.size() != signature.outputs.size()) {
    return refuse("the config lists " + std::to_string(signature.inputs.size()) + " inputs and " +
                  std::to_string(signature.outputs.size()) + " outputs");
  }
  for (std::size_t i = 0; i < signature.inputs.size(); ++i) {
    const base::TensorSpec& input = signature.inputs[i];
    const base::TensorSpec& output = signature.outputs[i];
    if (input.is_optional) return refuse("input " + text_of(input) + " is optional");
    if (input.dtype != output.dtype || input.dims != output.dims) {
      return refuse("output " + text_of(output) + " differs from input " + text_of(input));
    }
  }
  return {};
}

}  // namespace

base::Result<std::unique_ptr<IdentityExecutor>> IdentityExecutor::make(
    const ConfigSignature& config) {
  auto signature = declared_signature(config);
  if (!signature) return std::unexpected(signature.error());
  if (auto paired = check_pairs(*signature); !paired) return std::unexpected(paired.error());
  return std::unique_ptr<IdentityExecutor>(new IdentityExecutor(*std::move(signature)));
}

base::Result<> IdentityExecutor::run(const ExecutorBatch& batch,
                                     std::vector<base::Tensor>& outputs) {
  outputs.assign(batch.inputs.begin(), batch.inputs.end());
  return {};
}

}  // namespace penstock::model
