// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "model/native_step.h"

namespace penstock::model {
namespace {

template <class T>
std::vector<T> copy_of(artifact::Bytes blob) {
  const auto from = artifact::elements<T>(blob);
  return {from.begin(), from.end()};
}

// Walks the trees one after the other.
template <class In, class Out>
class ForestStep final : public NativeStep {
 public:
  ForestStep(const Artifact& artifact, const artifact::Step& step)
      : reads_(step.reads[0]), writes_(step.writes), width_(artifact.values[reads_].width) {
    const auto& forest = std::get<artifact::Forest>(step.what);
    targets_ = forest.targets;
    roots_ = copy_of<std::uint32_t>(forest.roots);
    feature_ = copy_of<std::uint32_t>(forest.feature);
    threshold_ = copy_of<double>(forest.threshold);
    left_ = copy_of<std::uint32_t>(forest.left);
    right_ = copy_of<std::uint32_t>(forest.right);
    flags_ = copy_of<std::uint8_t>(forest.flags);
    leaf_values_ = copy_of<double>(forest.leaf_values);
    words_ = copy_of<std::uint32_t>(forest.category_words);
    base_ = copy_of<double>(forest.base);
    leaves_are_rows_ = forest.leaves_are_rows;
    factor_ = forest.factor;
    is_double_ = forest.sum == artifact::Sum::kInDouble;
  }

  void run(const StepFrame& frame, std::size_t rows) const override {
    const In* in = frame.read<In>(reads_);
    Out* out = frame.write<Out>(writes_);
    for (; rows > 0; --rows, in += width_, out += targets_) {
      if (is_double_) {
        sum_row<double>(frame, in, out);
      } else {
        sum_row<float>(frame, in, out);
      }
    }
  }

 private:
  template <class Sum>
  void sum_row(const StepFrame& frame, const In* in, Out* out) const {
    const kernels::Scratch::Frame own(frame.scratch);
    const std::span<Sum> sums = frame.scratch.take_of<Sum>(targets_);
    const bool begins_at_base = !is_double_ && factor_ == 1;
    for (std::size_t i = 0; i < targets_; ++i) {
      sums[i] = begins_at_base ? static_cast<Sum>(base_[i]) : Sum{0};
    }
    for (std::uint32_t node : roots_) {
      while ((flags_[node] & artifact::kIsLeaf) == 0) node = child(node, in);
      if (leaves_are_rows_) {
        for (std::size_t i = 0; i < targets_; ++i) {
          sums[i] += static_cast<Sum>(leaf_values_[left_[node] + i]);
        }
      } else {
        sums[right_[node]] += static_cast<Sum>(leaf_values_[left_[node]]);
      }
    }
    for (std::size_t i = 0; i < targets_; ++i) {
      out[i] = static_cast<Out>(begins_at_base ? static_cast<double>(sums[i])
                                               : base_[i] + factor_ * static_cast<double>(sums[i]));
    }
  }

  std::uint32_t child(std::uint32_t node, const In* in) const {
    auto x = static_cast<double>(in[feature_[node]]);
    const std::uint8_t flags = flags_[node];
    const auto missing =
        static_cast<artifact::Missing>(flags >> artifact::kMissingShift & artifact::kMissingMask);
    if (std::isnan(x) && missing == artifact::Missing::kNothing) x = 0;
    const bool is_missing =
        std::isnan(x) || (missing == artifact::Missing::kNanAndZero && std::abs(x) <= 1e-35);
    bool goes_left = x <= threshold_[node];
    if (is_missing) {
      goes_left = (flags & artifact::kMissingGoesLeft) != 0;
    } else if ((flags & artifact::kIsCategoryTest) != 0) {
      goes_left = is_in_set(static_cast<std::size_t>(threshold_[node]), x);
    }
    return goes_left ? left_[node] : right_[node];
  }

  bool is_in_set(std::size_t at, double x) const {
    const double whole = std::trunc(x);
    if (!(whole >= 0) || whole >= 32.0 * words_[at]) return false;
    const auto category = static_cast<std::size_t>(whole);
    return (words_[at + 1 + category / 32] >> category % 32 & 1) != 0;
  }

  const std::uint32_t reads_;
  const std::uint32_t writes_;
  const std::size_t width_;
  std::size_t targets_ = 0;
  std::vector<std::uint32_t> roots_, feature_, left_, right_, words_;
  std::vector<double> threshold_, leaf_values_, base_;
  std::vector<std::uint8_t> flags_;
  bool leaves_are_rows_ = false;
  bool is_double_ = false;
  double factor_ = 1;
};

template <class In>
std::unique_ptr<NativeStep> make_from(const Artifact& artifact, const artifact::Step& step) {
  if (artifact.values[step.writes].kind == artifact::Kind::kFloat32) {
    return std::make_unique<ForestStep<In, float>>(artifact, step);
  }
  return std::make_unique<ForestStep<In, double>>(artifact, step);
}

}  // namespace

MadeStep make_forest_step(const Artifact& artifact, const artifact::Step& step, kernels::Isa) {
  if (artifact.values[step.reads[0]].kind == artifact::Kind::kFloat32) {
    return make_from<float>(artifact, step);
  }
  return make_from<double>(artifact, step);
}

}  // namespace penstock::model
