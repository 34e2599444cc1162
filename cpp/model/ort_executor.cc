// SPDX-License-Identifier: Apache-2.0
#include "model/ort_executor.h"

#include <algorithm>

#include "model/ort_graph.h"
#include "model/ort_tensor.h"

namespace penstock::model {

using base::Code;
using base::fail;
using base::Result;

// What one execution hands to the library. The arrays are kept per thread, so that a run allocates
// nothing of its own; the values in them live for one run.
struct OrtExecutor::Call {
  std::vector<const char*> input_names;
  std::vector<const ort::Value*> inputs;
  std::vector<ort::Value*> outputs;

  void release(const OrtRuntime& runtime) {
    for (const ort::Value* value : inputs) {
      if (value != nullptr) runtime.call(ort::kReleaseValue, const_cast<ort::Value*>(value));
    }
    for (ort::Value* value : outputs) {
      if (value != nullptr) runtime.call(ort::kReleaseValue, value);
    }
    input_names.clear();
    inputs.clear();
    outputs.clear();
  }
};

Result<std::unique_ptr<OrtExecutor>> OrtExecutor::load(const OrtRuntime& runtime,
                                                       const std::string& path,
                                                       const OrtOptions& options,
                                                       const ConfigSignature& config,
                                                       std::int64_t batch_rows_default) {
  std::unique_ptr<OrtExecutor> executor(new OrtExecutor(runtime));
  auto done = executor->open(path, options, config, batch_rows_default);
  if (!done) return std::unexpected(done.error());
  return executor;
}

Result<> OrtExecutor::open(const std::string& path, const OrtOptions& options,
                           const ConfigSignature& config, std::int64_t batch_rows_default) {
  const auto session_options = make_session_options(runtime_, options);
  if (!session_options) return std::unexpected(session_options.error());
  auto done = runtime_.attempt("load '" + path + "'", ort::kCreateSession, runtime_.env(),
                               path.c_str(), session_options->get(), session_.receive());
  if (!done) return done;
  const auto graph = read_graph_signature(runtime_, session_.get());
  if (!graph) return std::unexpected(graph.error());
  auto signature = complete_signature(config, *graph, batch_rows_default);
  if (!signature) return std::unexpected(signature.error());
  signature_ = *std::move(signature);

  done = runtime_.attempt("make run options", ort::kCreateRunOptions, run_options_.receive());
  for (const auto& [key, value] : options.run_entries) {
    if (!done) return done;
    done = runtime_.attempt("set '" + key + "'", ort::kAddRunConfigEntry, run_options_.get(),
                            key.c_str(), value.c_str());
  }
  if (done) plan_ports(*graph);
  return done;
}

void OrtExecutor::plan_ports(const GraphSignature& graph) {
  for (const base::TensorSpec& spec : signature_.inputs) {
    inputs_.push_back({.element_type = onnx_element_type(spec.dtype)});
  }
  for (const base::TensorSpec& spec : signature_.outputs) {
    const bool is_fixed = std::ranges::find(spec.dims, -1) == spec.dims.end();
    // An output that is an input is not computed into anything.
    const bool is_input =
        std::ranges::find(graph.inputs, spec.name, &GraphTensor::name) != graph.inputs.end();
    outputs_.push_back({.element_type = onnx_element_type(spec.dtype),
                        .is_bound = is_fixed && !is_input && spec.dtype != base::DType::kBytes});
    output_names_.push_back(spec.name.c_str());
  }
  if (std::ranges::none_of(outputs_, &Port::is_bound)) shapes_ = Shapes::kUntrue;
}

Result<> OrtExecutor::run(const ExecutorBatch& batch, std::vector<base::Tensor>& outputs) {
  const Shapes shapes = shapes_.load(std::memory_order_relaxed);
  const auto done = run_once(batch, shapes != Shapes::kUntrue, outputs);
  if (shapes != Shapes::kUnproven) [[likely]]
    return done;
  if (done) {
    shapes_.store(Shapes::kTrue, std::memory_order_relaxed);
    return done;
  }
  // Only an output bound with a wrong shape fails at first and not at second.
  outputs.clear();
  const auto unbound = run_once(batch, false, outputs);
  if (unbound) shapes_.store(Shapes::kUntrue, std::memory_order_relaxed);
  return unbound;
}

Result<> OrtExecutor::run_once(const ExecutorBatch& batch, bool binds,
                               std::vector<base::Tensor>& outputs) {
  static thread_local Call call;
  call.outputs.assign(outputs_.size(), nullptr);
  outputs.resize(outputs_.size());
  auto done = bind_inputs(batch, call);
  if (done && binds) done = bind_outputs(batch, call, outputs);
  if (done) {
    done = runtime_.attempt("run the model", ort::kRun, session_.get(), run_options_.get(),
                            call.input_names.data(), call.inputs.data(), call.inputs.size(),
                            output_names_.data(), output_names_.size(), call.outputs.data());
  }
  if (done) done = take_outputs(batch, call, outputs);
  call.release(runtime_);
  return done;
}

Result<> OrtExecutor::bind_inputs(const ExecutorBatch& batch, Call& call) const {
  PENSTOCK_CHECK(batch.inputs.size() == inputs_.size());
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const base::Tensor& tensor = batch.inputs[i];
    if (!tensor.is_present) continue;  // the model's own default holds
    ort::Value* value = nullptr;
    const auto done = tensor.dtype == base::DType::kBytes
                          ? strings_as_value(runtime_, tensor, &value)
                          : view_as_value(runtime_, tensor.bytes.bytes, tensor.shape,
                                          inputs_[i].element_type, &value);
    call.input_names.push_back(signature_.inputs[i].name.c_str());
    call.inputs.push_back(value);
    if (!done) {
      return fail(done.error().code,
                  "input '" + signature_.inputs[i].name + "': " + done.error().why);
    }
  }
  return {};
}

Result<> OrtExecutor::bind_outputs(const ExecutorBatch& batch, Call& call,
                                   std::vector<base::Tensor>& outputs) const {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!outputs_[i].is_bound) continue;
    const base::TensorSpec& spec = signature_.outputs[i];
    base::Tensor& tensor = outputs[i];
    tensor.dtype = spec.dtype;
    tensor.shape = {};
    if (signature_.batch_rows_max > 0) tensor.shape.push(batch.rows);
    for (const std::int64_t dim : spec.dims) tensor.shape.push(dim);
    const auto elements = tensor.shape.elements();
    std::size_t size = 0;
    if (!elements || __builtin_mul_overflow(*elements, base::element_bytes(spec.dtype), &size)) {
      return fail(Code::kResourceExhausted,
                  "output '" + spec.name + "' of shape " + tensor.shape.text() + " is too large");
    }
    tensor.bytes.owner = base::Buffer::try_allocate(size);
    tensor.bytes.bytes = tensor.bytes.owner.bytes();
    if (size > 0 && !tensor.bytes.owner) {
      return fail(Code::kResourceExhausted,
                  "no memory for output '" + spec.name + "' of shape " + tensor.shape.text());
    }
    const auto done = view_as_value(runtime_, tensor.bytes.bytes, tensor.shape,
                                    outputs_[i].element_type, &call.outputs[i]);
    if (!done) return done;
  }
  return {};
}

Result<> OrtExecutor::take_outputs(const ExecutorBatch& batch, const Call& call,
                                   std::vector<base::Tensor>& outputs) const {
  const bool batches = signature_.batch_rows_max > 0;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const std::string& name = signature_.outputs[i].name;
    if (outputs[i].bytes.owner) continue;  // computed in place
    auto tensor = copy_of_value(runtime_, call.outputs[i]);
    if (!tensor) {
      return fail(tensor.error().code, "output '" + name + "': " + tensor.error().why);
    }
    outputs[i] = *std::move(tensor);
    const base::Shape& shape = outputs[i].shape;
    if (batches && (shape.rank() == 0 || shape[0] != batch.rows)) {
      return fail(Code::kInternal, "output '" + name + "' came back with shape " + shape.text() +
                                       " from a batch of " + std::to_string(batch.rows) +
                                       " rows; its first dimension must be the batch's, so this "
                                       "model needs max_batch_size: 0");
    }
  }
  return {};
}

}  // namespace penstock::model
