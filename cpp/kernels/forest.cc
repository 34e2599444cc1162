// SPDX-License-Identifier: Apache-2.0
#include "kernels/forest.h"

#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/forest_plan.h"
#include "kernels/forest_trees.h"

namespace penstock::kernels {
namespace {

// Trees of so many leaves are better compared all at once than as perfect ones.
constexpr std::uint32_t kFewLeaves = 16;

ForestLeaves leaves_of(const ForestView& view, const Trees& trees) {
  if (!trees.have_own_targets) return ForestLeaves::kExits;
  switch (view.sum) {
    case ForestSum::kInDouble: return ForestLeaves::kDoubles;
    case ForestSum::kInFloat: return ForestLeaves::kFloats;
    default: return ForestLeaves::kAnyOrder;
  }
}

}  // namespace

template <class In>
void Forest::Plan::lay_out(const ForestSource& source, Laid<In>& laid) const {
  const auto kind = static_cast<std::size_t>(leaves);
  std::vector<ByteTest> tests;
  auto columns = ByteColumns<In>::plan(source.view, tests);
  if (columns != nullptr) {
    const std::size_t count = columns->count();
    const bool fits_a_row = count <= kernels->row_columns_max;
    const bool has_few_leaves = source.trees.leaves_max <= kFewLeaves;
    if (fits_a_row && !has_few_leaves && kernels->perfect[kind] != nullptr) {
      laid.perfect = PerfectLayout::make(source, tests, count);
    }
    if (fits_a_row && laid.perfect == nullptr &&
        source.trees.leaves_max <= kernels->mask_leaves_max) {
      laid.masks = MaskLayout::make(source, tests, count);
    }
    if (kernels->mux[kind] != nullptr) laid.mux = MuxLayout::make(source, tests);
    if (laid.perfect != nullptr || laid.masks != nullptr || laid.mux != nullptr) {
      laid.columns = std::move(columns);
    }
  }
  if (laid.perfect != nullptr || laid.masks != nullptr) return;
  if constexpr (std::is_same_v<In, float>) {
    if (kernels->gather[kind] != nullptr) laid.gather = GatherLayout::make(source);
  }
  if (laid.gather == nullptr) laid.walk = std::make_unique<WalkLayout<In>>(source);
}

std::string_view name_of(ForestForm form) {
  switch (form) {
    case ForestForm::kWalk: return "walk";
    case ForestForm::kGather: return "gather";
    case ForestForm::kMasks: return "masks";
    case ForestForm::kPerfect: return "perfect";
    case ForestForm::kMux: return "mux";
  }
  return "";
}

std::unique_ptr<Forest> Forest::compile(const ForestView& view, RowKind rows, Isa isa) {
  const Trees trees = trees_of(view);
  auto plan = std::make_unique<Plan>();
  plan->features = view.features;
  plan->targets = view.targets;
  plan->base.assign(view.base.begin(), view.base.end());
  plan->factor = view.factor;
  plan->is_double = view.sum == ForestSum::kInDouble;
  plan->begins_at_base = !plan->is_double && view.factor == 1;
  plan->leaves = leaves_of(view, trees);
  plan->kernels = &isa::forest_kernels(isa);
  plan->trees = trees.shapes.size();
  if (plan->leaves == ForestLeaves::kExits) {
    plan->leaves_are_rows = view.leaves_are_rows;
    plan->values.assign(view.leaf_values.begin(), view.leaf_values.end());
    for (const TreeShape& shape : trees.shapes) {
      plan->first_place.push_back(static_cast<std::uint32_t>(plan->places.size()));
      for_each_in_order(view, shape.root, [&](std::uint32_t node) {
        if ((view.flags[node] & kForestLeaf) == 0) return;
        plan->places.push_back(
            {.value = view.left[node], .target = view.leaves_are_rows ? 0 : view.right[node]});
      });
    }
  }
  const ForestSource source{.view = view, .trees = trees, .leaves = plan->leaves};
  if (rows == RowKind::kFloat) {
    plan->lay_out(source, plan->floats);
  } else {
    plan->lay_out(source, plan->doubles);
  }
  return std::unique_ptr<Forest>(new Forest(std::move(plan)));
}

Forest::Forest(std::unique_ptr<const Plan> plan) : plan_(std::move(plan)) {}

Forest::~Forest() = default;

ForestForm Forest::form_for(std::size_t rows) const {
  const bool is_float = plan_->floats.columns != nullptr || plan_->floats.gather != nullptr ||
                        plan_->floats.walk != nullptr;
  return is_float ? plan_->floats.form_for(rows) : plan_->doubles.form_for(rows);
}

std::size_t Forest::bytes() const {
  const auto of = [](const auto& laid) {
    std::size_t sum = 0;
    if (laid.columns) sum += laid.columns->bytes();
    if (laid.masks) sum += laid.masks->bytes();
    if (laid.perfect) sum += laid.perfect->bytes();
    if (laid.mux) sum += laid.mux->bytes();
    if (laid.gather) sum += laid.gather->bytes();
    if (laid.walk) sum += laid.walk->bytes();
    return sum;
  };
  return of(plan_->floats) + of(plan_->doubles) + plan_->values.size() * sizeof(double) +
         plan_->places.size() * sizeof(LeafPlace);
}

}  // namespace penstock::kernels
