// SPDX-License-Identifier: Apache-2.0
// One layer by oneDNN's matrix multiplication: onednn_dense ARTIFACT ROWS ANSWERS BATCH...
//
// Weights are packed as oneDNN likes them best, bias and relu fused. Of int8 weights the rows are
// u8 before anything is timed. ONEDNN_MAX_CPU_ISA says which instructions it may use.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "dense_net.h"
#include "kernels/timing.h"

namespace {

using dnnl::memory;
using penstock::kernels::DenseLayer;
using penstock::kernels::Weights;
using Type = memory::data_type;
using Tag = memory::format_tag;

class Layer {
 public:
  explicit Layer(const DenseLayer& layer) : layer_(layer) {
    is_int8_ = layer.weights == Weights::kS8;
    if (is_int8_ && (!layer.input || layer.input->zero_point != 0)) {
      kernels_bench::fail("wanted a static input whose zero point is 0");
    }
    if (!is_int8_ && layer.weights != Weights::kFp32) {
      kernels_bench::fail("wanted weights of S8 or FP32");
    }
    // The bias is added before the scale is multiplied with.
    for (std::size_t n = 0; n < layer.outputs; ++n) {
      scales_.push_back(is_int8_ ? layer.input->scale * layer.scale[n] : 1.0F);
      bias_.push_back(layer.bias[n] / scales_.back());
    }
  }

  // Multiplies rows of floats, which are made u8 here where the weights are int8.
  void prepare(const float* rows, std::size_t batch, float* answers) {
    const auto m = static_cast<memory::dim>(batch);
    const memory::dim k = layer_.inputs;
    const memory::dim n = layer_.outputs;
    if (is_int8_) {
      const float inverse = 1 / layer_.input->scale;
      bytes_.resize(batch * layer_.inputs);
      for (std::size_t i = 0; i < bytes_.size(); ++i) {
        bytes_[i] =
            static_cast<std::uint8_t>(std::clamp(std::nearbyint(rows[i] * inverse), 0.0F, 255.0F));
      }
    }
    const memory::desc in({m, k}, is_int8_ ? Type::u8 : Type::f32, Tag::ab);
    const memory::desc any({k, n}, is_int8_ ? Type::s8 : Type::f32, Tag::any);
    const memory::desc given({k, n}, is_int8_ ? Type::s8 : Type::f32, Tag::ba);
    const memory::desc bias({1, n}, Type::f32, Tag::ab);
    const memory::desc out({m, n}, Type::f32, Tag::ab);
    dnnl::primitive_attr attributes;
    if (is_int8_) attributes.set_output_scales(1 << 1, scales_);
    if (layer_.activation.function == penstock::kernels::Function::kRelu) {
      dnnl::post_ops after;
      after.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
      attributes.set_post_ops(after);
    }
    const dnnl::matmul::primitive_desc plan(dnnl::matmul::desc(in, any, bias, out), attributes,
                                            engine_);
    memory plain(given, engine_, const_cast<std::byte*>(layer_.weight.data()));
    memory packed(plan.weights_desc(), engine_);
    dnnl::reorder(plain, packed).execute(stream_, plain, packed);
    stream_.wait();
    void* const from = is_int8_ ? static_cast<void*>(bytes_.data()) : const_cast<float*>(rows);
    what_ = {{DNNL_ARG_SRC, memory(in, engine_, from)},
             {DNNL_ARG_WEIGHTS, packed},
             {DNNL_ARG_BIAS, memory(bias, engine_, bias_.data())},
             {DNNL_ARG_DST, memory(out, engine_, answers)}};
    multiply_ = dnnl::matmul(plan);
  }

  void run() {
    multiply_.execute(stream_, what_);
    stream_.wait();
  }

 private:
  const DenseLayer& layer_;
  bool is_int8_ = false;
  std::vector<float> scales_;
  std::vector<float> bias_;
  std::vector<std::uint8_t> bytes_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::matmul multiply_;
  std::unordered_map<int, memory> what_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 5) kernels_bench::fail("usage: onednn_dense ARTIFACT ROWS ANSWERS BATCH...");
  const auto file = kernels_bench::open_dense(arguments[1]);
  if (file.layers.size() != 1) kernels_bench::fail("wanted an artifact of one layer");
  const DenseLayer& only = file.layers.front();
  const kernels_bench::Rows rows(arguments[2], only.inputs);
  std::vector<float> answers(rows.count() * only.outputs);
  Layer layer(only);
  layer.prepare(rows.first(), rows.count(), answers.data());
  layer.run();
  kernels_bench::write_answers(arguments[3], answers);
  for (const char* const text : std::span(arguments + 4, arguments + count)) {
    const std::size_t batch = std::stoul(text);
    layer.prepare(rows.first(), batch, answers.data());
    const auto work = [&] { layer.run(); };
    const char* const what = only.weights == Weights::kS8 ? "u8" : "net";
    const char* const cold = only.weights == Weights::kS8 ? "u8 cold" : "net cold";
    kernels_bench::tell(what, batch, kernels_bench::time_calls(work));
    kernels_bench::tell(cold, batch, kernels_bench::time_cold(work));
  }
}
