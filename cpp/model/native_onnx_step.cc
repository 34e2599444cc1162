// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/text.h"
#include "model/native_convert.h"
#include "model/native_step.h"
#include "model/ort_graph.h"
#include "model/ort_options.h"
#include "model/ort_tensor.h"

// A part of a model that did not compile, in a session of ONNX Runtime: its inputs r0, r1, ... are
// read where the values lie, its output w is computed where the step's value lies.
namespace penstock::model {
namespace {

using artifact::Bytes;
using base::Code;
using base::Result;

struct OrtPort {
  std::string name{};
  std::uint32_t value = 0;
  std::int64_t width = 0;
  base::DType dtype = base::DType::kFp32;
};

class OnnxStep final : public NativeStep {
 public:
  OnnxStep(const OrtRuntime& runtime, const Artifact& artifact, const artifact::Step& step)
      : runtime_(runtime), session_(runtime), name_(step.name) {
    for (const std::uint32_t value : step.reads) {
      reads_.push_back(port_of(artifact, "r" + std::to_string(reads_.size()), value));
    }
    writes_ = port_of(artifact, "w", step.writes);
    for (const OrtPort& port : reads_) names_.push_back(port.name.c_str());
  }

  Result<> open(Bytes model) {
    const auto options = make_session_options(runtime_, {.log_id = name_});
    if (!options) return std::unexpected(options.error());
    auto done = runtime_.attempt("load the part that did not compile", ort::kCreateSessionFromArray,
                                 runtime_.env(), model.data(), model.size(), options->get(),
                                 session_.receive());
    if (!done) return done;
    const auto graph = read_graph_signature(runtime_, session_.get());
    if (!graph) return std::unexpected(graph.error());
    // Inputs with defaults are constants, which nobody gives.
    std::size_t inputs = 0;
    for (const GraphTensor& tensor : graph->inputs) {
      if (tensor.has_default) continue;
      if (inputs == reads_.size() || !fits(tensor, reads_[inputs])) return refuse_ports();
      ++inputs;
    }
    if (inputs != reads_.size() || graph->outputs.size() != 1 ||
        !fits(graph->outputs.front(), writes_)) {
      return refuse_ports();
    }
    return {};
  }

  void run(const StepFrame& frame, std::size_t rows) const override {
    static thread_local std::vector<const ort::Value*> values;
    ort::Value* written = nullptr;
    values.assign(reads_.size(), nullptr);
    Result<> done;
    for (std::size_t i = 0; done && i < reads_.size(); ++i) {
      ort::Value* value = nullptr;
      done = view(reads_[i], frame, rows, &value);
      values[i] = value;
    }
    if (done) done = view(writes_, frame, rows, &written);
    if (done) {
      const char* const output = writes_.name.c_str();
      done =
          runtime_.attempt("run the part that did not compile", ort::kRun, session_.get(), nullptr,
                           names_.data(), values.data(), values.size(), &output, 1, &written);
    }
    for (const ort::Value* value : values) release(const_cast<ort::Value*>(value));
    release(written);
    if (done) return;
    // Steps that follow read something, whatever it is.
    const Bytes lost = bytes_of(writes_, frame, rows);
    std::memset(const_cast<std::byte*>(lost.data()), 0, lost.size());
    if (!frame.failure) {
      frame.failure = base::Error{
          .code = done.error().code,
          .why = "step " + base::quote(name_, '\'') + ": " + std::move(done.error().why)};
    }
  }

 private:
  static OrtPort port_of(const Artifact& artifact, std::string name, std::uint32_t value) {
    return {.name = std::move(name),
            .value = value,
            .width = artifact.values[value].width,
            .dtype = dtype_of(artifact.values[value].kind)};
  }

  static bool fits(const GraphTensor& tensor, const OrtPort& port) {
    return tensor.name == port.name && tensor.dtype == port.dtype;
  }

  Result<> refuse_ports() const {
    std::string wanted;
    for (const OrtPort& port : reads_) {
      wanted += port.name + " of " + std::string(base::name_of(port.dtype)) + ", ";
    }
    return base::fail(Code::kInvalidArgument,
                      "its ONNX model has other inputs and outputs: wanted " + wanted +
                          "and w of " + std::string(base::name_of(writes_.dtype)));
  }

  static Bytes bytes_of(const OrtPort& port, const StepFrame& frame, std::size_t rows) {
    return {frame.values[port.value],
            rows * static_cast<std::size_t>(port.width) * base::element_bytes(port.dtype)};
  }

  Result<> view(const OrtPort& port, const StepFrame& frame, std::size_t rows,
                ort::Value** value) const {
    return view_as_value(runtime_, bytes_of(port, frame, rows),
                         {static_cast<std::int64_t>(rows), port.width},
                         onnx_element_type(port.dtype), value);
  }

  void release(ort::Value* value) const {
    if (value != nullptr) runtime_.call(ort::kReleaseValue, value);
  }

  const OrtRuntime& runtime_;
  OrtSession session_;
  std::string name_;
  std::vector<OrtPort> reads_;
  OrtPort writes_;
  std::vector<const char*> names_;  // of reads_
};

}  // namespace

MadeStep make_onnx_step(const Artifact& artifact, const artifact::Step& step,
                        const OrtRuntime* runtime) {
  if (runtime == nullptr) {
    return base::fail(Code::kFailedPrecondition,
                      "it did not compile and needs ONNX Runtime, which is not installed; "
                      "pip install onnxruntime");
  }
  auto made = std::make_unique<OnnxStep>(*runtime, artifact, step);
  if (auto opened = made->open(std::get<artifact::Onnx>(step.what).model); !opened) {
    return std::unexpected(opened.error());
  }
  return made;
}

bool needs_onnxruntime(const Artifact& artifact) {
  return std::ranges::any_of(artifact.steps, [](const artifact::Step& step) {
    return std::holds_alternative<artifact::Onnx>(step.what);
  });
}

}  // namespace penstock::model
