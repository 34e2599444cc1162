// SPDX-License-Identifier: Apache-2.0
// Penstock's own forests: penstock_trees ARTIFACT ROWS COLUMNS ISA ANSWERS
// Times the first Forest step of a compiled model, sums as the model says. ANSWERS gets that step's
// result for all rows.
#include <string>
#include <variant>

#include "kernels/forest.h"
#include "kernels/timing.h"
#include "model/artifact.h"
#include "rows.h"

namespace {

using namespace penstock;
using kernels_bench::fail;

kernels::ForestView view_of(const model::artifact::Forest& forest) {
  using model::artifact::elements;
  return {.features = forest.features,
          .targets = forest.targets,
          .roots = elements<std::uint32_t>(forest.roots),
          .feature = elements<std::uint32_t>(forest.feature),
          .threshold = elements<double>(forest.threshold),
          .left = elements<std::uint32_t>(forest.left),
          .right = elements<std::uint32_t>(forest.right),
          .flags = elements<std::uint8_t>(forest.flags),
          .leaf_values = elements<double>(forest.leaf_values),
          .leaves_are_rows = forest.leaves_are_rows,
          .category_words = elements<std::uint32_t>(forest.category_words),
          .base = elements<double>(forest.base),
          .factor = forest.factor,
          .sum = static_cast<kernels::ForestSum>(static_cast<std::uint32_t>(forest.sum) - 1)};
}

kernels::Isa isa_named(const std::string& name) {
  for (const auto isa : {kernels::Isa::kScalar, kernels::Isa::kAvx2, kernels::Isa::kAvx512}) {
    if (name == kernels::name_of(isa)) return isa;
  }
  fail("no instruction set is called " + name);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) fail("usage: penstock_trees ARTIFACT ROWS COLUMNS ISA ANSWERS");
  const auto artifact = model::open_artifact(arguments[1]);
  if (!artifact) fail(artifact.error().why);
  kernels_bench::Rows rows(arguments[2], std::stoul(arguments[3]));
  const kernels::Isa isa = isa_named(arguments[4]);
  if (isa > kernels::best_isa(kernels::read_cpu_words())) return 0;

  const model::artifact::Forest* found = nullptr;
  for (const auto& step : artifact->steps) {
    if (found == nullptr) found = std::get_if<model::artifact::Forest>(&step.what);
  }
  if (found == nullptr || found->targets != 1) fail("no forest of one target in the artifact");
  const auto forest = kernels::Forest::compile(view_of(*found), kernels::RowKind::kFloat, isa);
  kernels::Scratch scratch;
  std::vector<double> answers(rows.count());
  forest->run(rows.first(), rows.columns(), rows.count(), answers.data(), 1, scratch);
  kernels_bench::write_answers(arguments[5], answers);

  std::vector<double> y(1024);
  for (const std::size_t batch : kernels_bench::kBatches) {
    const auto work = [&] {
      forest->run(rows.next(batch), rows.columns(), batch, y.data(), 1, scratch);
    };
    kernels_bench::tell("warm", batch, kernels_bench::time_calls(work));
    if (batch == 1) kernels_bench::tell("cold", batch, kernels_bench::time_cold(work));
  }
}
