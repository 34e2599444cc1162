// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <utility>

#include "kernels/forest.h"
#include "model/native_step.h"

namespace penstock::model {
namespace {

using kernels::Forest;
using kernels::ForestView;

static_assert(artifact::kIsLeaf == kernels::kForestLeaf &&
              artifact::kIsCategoryTest == kernels::kForestCategories &&
              artifact::kMissingGoesLeft == kernels::kForestMissingLeft &&
              artifact::kMissingShift == kernels::kForestMissingShift &&
              artifact::kMissingMask == kernels::kForestMissingMask);

kernels::ForestSum sum_of(artifact::Sum sum) {
  switch (sum) {
    case artifact::Sum::kInFloat: return kernels::ForestSum::kInFloat;
    case artifact::Sum::kInAnyOrder: return kernels::ForestSum::kInAnyOrder;
    default: return kernels::ForestSum::kInDouble;
  }
}

ForestView view_of(const artifact::Forest& forest) {
  return {.features = forest.features,
          .targets = forest.targets,
          .roots = artifact::elements<std::uint32_t>(forest.roots),
          .feature = artifact::elements<std::uint32_t>(forest.feature),
          .threshold = artifact::elements<double>(forest.threshold),
          .left = artifact::elements<std::uint32_t>(forest.left),
          .right = artifact::elements<std::uint32_t>(forest.right),
          .flags = artifact::elements<std::uint8_t>(forest.flags),
          .leaf_values = artifact::elements<double>(forest.leaf_values),
          .leaves_are_rows = forest.leaves_are_rows,
          .category_words = artifact::elements<std::uint32_t>(forest.category_words),
          .base = artifact::elements<double>(forest.base),
          .factor = forest.factor,
          .sum = sum_of(forest.sum)};
}

template <class In, class Out>
class ForestStep final : public NativeStep {
 public:
  ForestStep(const Artifact& artifact, const artifact::Step& step,
             std::unique_ptr<const Forest> forest)
      : reads_(step.reads[0]),
        writes_(step.writes),
        features_(artifact.values[step.reads[0]].width),
        targets_(artifact.values[step.writes].width),
        forest_(std::move(forest)) {}

  void run(const StepFrame& frame, std::size_t rows) const override {
    forest_->run(frame.read<In>(reads_), features_, rows, frame.write<Out>(writes_), targets_,
                 frame.scratch);
  }

 private:
  const std::uint32_t reads_;
  const std::uint32_t writes_;
  const std::size_t features_;
  const std::size_t targets_;
  const std::unique_ptr<const Forest> forest_;
};

template <class In>
MadeStep make_from(const Artifact& artifact, const artifact::Step& step, kernels::RowKind rows,
                   kernels::Isa isa) {
  auto forest = Forest::compile(view_of(std::get<artifact::Forest>(step.what)), rows, isa);
  if (artifact.values[step.writes].kind == artifact::Kind::kFloat32) {
    return std::make_unique<ForestStep<In, float>>(artifact, step, std::move(forest));
  }
  return std::make_unique<ForestStep<In, double>>(artifact, step, std::move(forest));
}

}  // namespace

MadeStep make_forest_step(const Artifact& artifact, const artifact::Step& step, kernels::Isa isa) {
  if (artifact.values[step.reads[0]].kind == artifact::Kind::kFloat32) {
    return make_from<float>(artifact, step, kernels::RowKind::kFloat, isa);
  }
  return make_from<double>(artifact, step, kernels::RowKind::kDouble, isa);
}

}  // namespace penstock::model
