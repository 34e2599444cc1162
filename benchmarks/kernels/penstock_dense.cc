// SPDX-License-Identifier: Apache-2.0
// Penstock's own dense layers: penstock_dense ARTIFACT ROWS ISA ANSWERS BATCH...
//
// `net` lines are of floats in and floats out. `u8` lines are of a single layer of int8 weights and
// a static input, whose rows are u8 already: what oneDNN's matrix multiplication is given.
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "dense_net.h"
#include "kernels/dense_pack.h"
#include "kernels/timing.h"

namespace {

using namespace penstock;
using kernels_bench::fail;

kernels::Isa isa_named(const std::string& name) {
  for (const auto isa : {kernels::Isa::kScalar, kernels::Isa::kAvx2, kernels::Isa::kAvx512}) {
    if (name == kernels::name_of(isa)) return isa;
  }
  fail("no instruction set is called " + name);
}

// One layer from u8 rows to floats, by the kernel alone.
class U8Layer {
 public:
  U8Layer(const kernels::DenseLayer& layer, kernels::Isa isa, const kernels_bench::Rows& rows)
      : table_(kernels::isa::dense_kernels(isa, false)),
        packed_(kernels::pack_layer(layer, table_)),
        prepared_(rows.count() * packed_.row_bytes) {
    table_.quantize_static({.rows = static_cast<std::int64_t>(rows.count()),
                            .width = packed_.view.inputs,
                            .x = rows.first(),
                            .stride = rows.columns()},
                           packed_.input, prepared_.as<std::uint8_t>(), packed_.row_bytes);
  }

  void run(std::size_t batch, float* y) {
    table_.s8(packed_.view, {.rows = static_cast<std::int64_t>(batch),
                             .in = prepared_.bytes(),
                             .in_stride = packed_.row_bytes,
                             .y = y,
                             .y_stride = static_cast<std::size_t>(packed_.view.outputs)});
  }

 private:
  const kernels::isa::DenseKernels& table_;
  kernels::PackedLayer packed_;
  kernels::PackedArray prepared_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 6) fail("usage: penstock_dense ARTIFACT ROWS ISA ANSWERS BATCH...");
  const auto file = kernels_bench::open_dense(arguments[1]);
  const kernels::Isa isa = isa_named(arguments[3]);
  if (isa > kernels::best_isa(kernels::read_cpu_words())) return 0;
  const auto net = kernels::DenseNet::pack(file.layers, isa);
  if (!net) fail(net.error().why);
  kernels_bench::Rows rows(arguments[2], (*net)->inputs());
  const std::size_t outputs = (*net)->outputs();

  kernels::Scratch scratch;
  std::vector<float> answers(rows.count() * outputs);
  (*net)->run(rows.first(), rows.columns(), static_cast<std::int64_t>(rows.count()), answers.data(),
              outputs, scratch);
  kernels_bench::write_answers(arguments[4], answers);

  std::vector<float> y(answers.size());
  for (const char* const text : std::span(arguments + 5, arguments + count)) {
    const std::size_t batch = std::stoul(text);
    const auto work = [&] {
      (*net)->run(rows.next(batch), rows.columns(), static_cast<std::int64_t>(batch), y.data(),
                  outputs, scratch);
    };
    kernels_bench::tell("net", batch, kernels_bench::time_calls(work));
    kernels_bench::tell("net cold", batch, kernels_bench::time_cold(work));
    const kernels::DenseLayer& first = file.layers.front();
    if (file.layers.size() > 1 || !first.input.has_value()) continue;
    U8Layer layer(first, isa, rows);
    layer.run(rows.count(), y.data());
    if (std::memcmp(y.data(), answers.data(), y.size() * sizeof(float)) != 0) {
      fail("a layer alone answers otherwise than as a net");
    }
    const auto alone = [&] { layer.run(batch, y.data()); };
    kernels_bench::tell("u8", batch, kernels_bench::time_calls(alone));
    kernels_bench::tell("u8 cold", batch, kernels_bench::time_cold(alone));
  }
}
