// SPDX-License-Identifier: Apache-2.0
// How rows are computed by what forest.cc has laid out.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <type_traits>

#include "kernels/forest_plan.h"

namespace penstock::kernels {
namespace {

std::size_t up_to_64(std::size_t count) { return (count + 63) / 64 * 64; }

// One block of rows on its way. Sums lie at sums[row * row_step + target * target_step].
template <class In, class Sum>
class BlockRun {
 public:
  BlockRun(const Forest::Plan& plan, Scratch& scratch)
      : plan_(plan),
        laid_(plan.laid<In>()),
        scratch_(scratch),
        kind_(static_cast<std::size_t>(plan.leaves)),
        sums_(scratch.take_of<Sum>(kBlockRows * plan.targets)) {}

  template <class Out>
  void run(const In* x, std::size_t x_stride, std::size_t rows, Out* y, std::size_t y_stride) {
    const ForestForm form = laid_.form_for(rows);
    const Scratch::Frame frame(scratch_);
    const bool by_target = form == ForestForm::kMux && plan_.leaves != ForestLeaves::kExits;
    row_step_ = by_target ? 1 : plan_.targets;
    target_step_ = by_target ? kBlockRows : 1;
    begin(by_target ? kBlockRows : rows);
    switch (form) {
      case ForestForm::kMux: run_mux(x, x_stride, rows); break;
      case ForestForm::kMasks:
      case ForestForm::kPerfect: run_rows(form, x, x_stride, rows); break;
      case ForestForm::kGather: run_gather(x, x_stride, rows); break;
      case ForestForm::kWalk: run_walk(x, x_stride, rows); break;
    }
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t target = 0; target < plan_.targets; ++target) {
        const auto sum = static_cast<double>(sums_[row * row_step_ + target * target_step_]);
        y[row * y_stride + target] =
            static_cast<Out>(plan_.begins_at_base ? sum : plan_.base[target] + plan_.factor * sum);
      }
    }
  }

 private:
  bool tells_exits() const { return plan_.leaves == ForestLeaves::kExits; }

  void begin(std::size_t rows) {
    if (!plan_.begins_at_base) {
      std::fill_n(sums_.begin(), rows * plan_.targets, Sum{0});
      return;
    }
    for (std::size_t target = 0; target < plan_.targets; ++target) {
      for (std::size_t row = 0; row < rows; ++row) {
        sums_[row * row_step_ + target * target_step_] = static_cast<Sum>(plan_.base[target]);
      }
    }
  }

  void add_leaf(std::size_t tree, std::size_t leaf, Sum* sums) const {
    const LeafPlace& place = plan_.places[plan_.first_place[tree] + leaf];
    if (!plan_.leaves_are_rows) {
      sums[place.target] += static_cast<Sum>(plan_.values[place.value]);
      return;
    }
    const double* const values = plan_.values.data() + place.value;
    for (std::size_t i = 0; i < plan_.targets; ++i) sums[i] += static_cast<Sum>(values[i]);
  }

  // Bytes of one row.
  void rank(const In* x, std::uint16_t* ranks, std::uint8_t* columns) const {
    bool is_special = false;
    if constexpr (std::is_same_v<In, float>) {
      is_special = plan_.kernels->rank_floats(laid_.columns->ranks(), x, ranks, columns);
    } else {
      is_special = plan_.kernels->rank_doubles(laid_.columns->ranks(), x, ranks, columns);
    }
    if (is_special || laid_.columns->has_categories()) {
      laid_.columns->complete(x, is_special, columns);
    }
  }

  std::span<std::uint16_t> take_ranks() const {
    return scratch_.take_of<std::uint16_t>(up_to_64(laid_.columns->ranks().features));
  }
  std::span<std::uint8_t> take_columns() const {
    const auto columns =
        scratch_.take_of<std::uint8_t>(std::max(up_to_64(laid_.columns->count()), kRowColumnsMax));
    std::memset(columns.data(), 0, columns.size());
    return columns;
  }

  void run_rows(ForestForm form, const In* x, std::size_t x_stride, std::size_t rows) const {
    const auto ranks = take_ranks();
    const auto columns = take_columns();
    const std::size_t trees =
        form == ForestForm::kMasks ? laid_.masks->trees() : laid_.perfect->trees();
    std::span<std::uint32_t> exits;
    if (tells_exits()) exits = scratch_.take_of<std::uint32_t>(trees);
    for (std::size_t row = 0; row < rows; ++row) {
      rank(x + row * x_stride, ranks.data(), columns.data());
      Sum* const sums = sums_.data() + row * row_step_;
      void* const to = tells_exits() ? static_cast<void*>(exits.data()) : sums;
      if (form == ForestForm::kMasks) {
        plan_.kernels->masks[kind_](laid_.masks->forest(), columns.data(), to);
      } else {
        plan_.kernels->perfect[kind_](laid_.perfect->forest(), columns.data(), to);
      }
      if (!tells_exits()) continue;
      for (std::size_t tree = 0; tree < plan_.trees; ++tree) {
        const std::uint32_t exit = exits[tree];
        add_leaf(tree, form == ForestForm::kMasks ? exit : laid_.perfect->leaf_at(tree, exit),
                 sums);
      }
    }
  }

  void run_mux(const In* x, std::size_t x_stride, std::size_t rows) const {
    const MuxForest& forest = laid_.mux->forest();
    const auto ranks = take_ranks();
    const auto columns = take_columns();
    const std::size_t count = laid_.columns->count();
    const auto block = scratch_.take_of<std::uint8_t>(count * kBlockRows);
    // Of rows that are not there, columns are whatever they were: nobody reads their sums.
    if (rows < kBlockRows) std::memset(block.data(), 0, block.size());
    for (std::size_t row = 0; row < rows; ++row) {
      rank(x + row * x_stride, ranks.data(), columns.data());
      for (std::size_t c = 0; c < count; ++c) block[c * kBlockRows + row] = columns[c];
    }
    const auto words = scratch_.take_of<std::uint64_t>(forest.predicate_count);
    const auto values = scratch_.take_of<std::uint64_t>(kMuxValues * 8);
    std::span<std::uint8_t> exits;
    if (tells_exits()) exits = scratch_.take_of<std::uint8_t>(laid_.mux->trees() * kBlockRows);
    void* const to = tells_exits() ? static_cast<void*>(exits.data()) : sums_.data();
    plan_.kernels->mux[kind_](forest, block.data(), words.data(), values.data(), to);
    if (!tells_exits()) return;
    for (std::size_t tree = 0; tree < plan_.trees; ++tree) {
      for (std::size_t row = 0; row < rows; ++row) {
        add_leaf(tree, exits[tree * kBlockRows + row], sums_.data() + row * row_step_);
      }
    }
  }

  void run_gather(const In* x, std::size_t x_stride, std::size_t rows) const {
    if constexpr (std::is_same_v<In, float>) {
      bool has_nan = false;
      for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t i = 0; i < plan_.features; ++i)
          has_nan |= std::isnan(x[row * x_stride + i]);
      }
      const GatherRows all{.x = x, .stride = x_stride, .rows = rows, .has_nan = has_nan};
      const auto gather = plan_.kernels->gather[kind_];
      if (!tells_exits()) return gather(laid_.gather->forest(), all, sums_.data());
      const auto exits = scratch_.take_of<std::uint32_t>(rows * laid_.gather->trees());
      gather(laid_.gather->forest(), all, exits.data());
      add_exits(exits.data(), laid_.gather->trees(), rows,
                [&](std::uint32_t node) { return laid_.gather->leaf_at(node); });
    }
  }

  void run_walk(const In* x, std::size_t x_stride, std::size_t rows) const {
    if (!tells_exits()) return laid_.walk->run(x, x_stride, rows, sums_.data());
    const auto exits = scratch_.take_of<std::uint32_t>(rows * laid_.walk->trees());
    laid_.walk->run(x, x_stride, rows, exits.data());
    add_exits(exits.data(), laid_.walk->trees(), rows,
              [&](std::uint32_t node) { return laid_.walk->leaf_at(node); });
  }

  template <class LeafAt>
  void add_exits(const std::uint32_t* exits, std::size_t stride, std::size_t rows,
                 LeafAt leaf_at) const {
    for (std::size_t row = 0; row < rows; ++row, exits += stride) {
      for (std::size_t tree = 0; tree < plan_.trees; ++tree) {
        add_leaf(tree, leaf_at(exits[tree]), sums_.data() + row * row_step_);
      }
    }
  }

  const Forest::Plan& plan_;
  const Laid<In>& laid_;
  Scratch& scratch_;
  const std::size_t kind_;
  const std::span<Sum> sums_;
  std::size_t row_step_ = 0;
  std::size_t target_step_ = 0;
};

}  // namespace

template <class In, class Out>
void Forest::run(const In* x, std::size_t x_stride, std::size_t rows, Out* y, std::size_t y_stride,
                 Scratch& scratch) const {
  const Scratch::Frame frame(scratch);
  const auto run_blocks = [&](auto block) {
    while (rows > 0) {
      const std::size_t now = std::min(rows, kBlockRows);
      block.run(x, x_stride, now, y, y_stride);
      x += now * x_stride;
      y += now * y_stride;
      rows -= now;
    }
  };
  if (plan_->is_double) {
    run_blocks(BlockRun<In, double>(*plan_, scratch));
  } else {
    run_blocks(BlockRun<In, float>(*plan_, scratch));
  }
}

template void Forest::run(const float*, std::size_t, std::size_t, float*, std::size_t,
                          Scratch&) const;
template void Forest::run(const float*, std::size_t, std::size_t, double*, std::size_t,
                          Scratch&) const;
template void Forest::run(const double*, std::size_t, std::size_t, float*, std::size_t,
                          Scratch&) const;
template void Forest::run(const double*, std::size_t, std::size_t, double*, std::size_t,
                          Scratch&) const;

}  // namespace penstock::kernels
