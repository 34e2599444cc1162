// SPDX-License-Identifier: Apache-2.0
#include "kernels/dense.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "kernels/dense_pack.h"

namespace penstock::kernels {
namespace {

// Rows go through all layers in blocks. What a block needs between layers should fit the L2 cache
// beside a panel of weights; and the more rows a block has, the fewer times weights are read.
constexpr std::size_t kBlockBytesMax = 256 * 1024;
constexpr std::int64_t kBlockRowsMax = 192;
constexpr std::int64_t kBlockRowsMin = 48;

using Kernel = void (*)(const PackedDense&, const DenseRows&);

Kernel kernel_of(const isa::DenseKernels& kernels, Weights weights) {
  switch (weights) {
    case Weights::kFp32: return kernels.fp32;
    case Weights::kBf16: return kernels.bf16;
    case Weights::kS8: return kernels.s8;
    case Weights::kU4: return kernels.u4;
  }
  return nullptr;
}

std::size_t stride_of_floats(std::int64_t width) {
  return static_cast<std::size_t>((width + 15) / 16 * 16);
}

}  // namespace

// What one row needs between layers, as places in a block's memory: each is a number of bytes that
// is multiplied with the block's rows. Layers write by turns into the first and the second.
struct DenseNet::Plan {
  const isa::DenseKernels* kernels = nullptr;
  std::vector<PackedLayer> layers;
  std::vector<Kernel> run;  // of each layer

  std::size_t prepared_at[2] = {0, 0};
  std::size_t floats_at[2] = {0, 0};
  std::size_t scales_at = 0;
  std::size_t zeros_at = 0;
  std::size_t group_sums_at = 0;
  std::size_t row_bytes = 0;  // of all together
  std::int64_t block_rows = 0;

  void place();
  void prepare(const PackedLayer& layer, const FloatRows& in, std::byte* prepared,
               std::byte* memory, std::int64_t rows_max, DenseRows& rows) const;
  void run_block(const FloatRows& in, float* y, std::size_t y_stride, std::byte* memory,
                 std::int64_t rows_max) const;
};

void DenseNet::Plan::place() {
  std::size_t prepared[2] = {0, 0};
  std::size_t floats[2] = {0, 0};
  std::size_t group_sums = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const PackedLayer& layer = layers[i];
    prepared[i % 2] = std::max(prepared[i % 2], layer.row_bytes);
    group_sums = std::max(group_sums, static_cast<std::size_t>(layer.view.groups) * 4);
    if (i + 1 < layers.size() && !layers[i + 1].has_static_input) {
      floats[i % 2] = std::max(floats[i % 2], stride_of_floats(layer.view.outputs) * 4);
    }
  }
  const auto take = [this](std::size_t bytes) {
    const std::size_t at = row_bytes;
    row_bytes += (bytes + 63) / 64 * 64;
    return at;
  };
  for (int turn = 0; turn < 2; ++turn) prepared_at[turn] = take(prepared[turn]);
  for (int turn = 0; turn < 2; ++turn) floats_at[turn] = take(floats[turn]);
  scales_at = take(4);
  zeros_at = take(4);
  group_sums_at = take(group_sums);
  block_rows = std::clamp(static_cast<std::int64_t>(kBlockBytesMax / row_bytes), kBlockRowsMin,
                          kBlockRowsMax);
}

// Makes of floats what the layer's kernel reads.
void DenseNet::Plan::prepare(const PackedLayer& layer, const FloatRows& in, std::byte* prepared,
                             std::byte* memory, std::int64_t rows_max, DenseRows& rows) const {
  const auto at = [&](std::size_t place) {
    return memory + place * static_cast<std::size_t>(rows_max);
  };
  rows.in = prepared;
  rows.in_stride = layer.row_bytes;
  auto* const scales = reinterpret_cast<float*>(at(scales_at));
  switch (layer.weights) {
    case Weights::kFp32:
      rows.in = reinterpret_cast<const std::byte*>(in.x);
      rows.in_stride = in.stride * sizeof(float);
      return;
    case Weights::kBf16: return kernels->round_bf16(in, prepared, layer.row_bytes);
    case Weights::kS8: {
      auto* const q = reinterpret_cast<std::uint8_t*>(prepared);
      if (layer.has_static_input) {
        return kernels->quantize_static(in, layer.input, q, layer.row_bytes);
      }
      auto* const zeros = reinterpret_cast<std::int32_t*>(at(zeros_at));
      rows.row_scale = scales;
      rows.row_zero = zeros;
      return kernels->quantize_dynamic(in, q, layer.row_bytes, scales, zeros);
    }
    case Weights::kU4: {
      auto* const sums = reinterpret_cast<std::int32_t*>(at(group_sums_at));
      rows.row_scale = scales;
      rows.group_sums = sums;
      return kernels->quantize_groups(in, layer.view.steps * 8, layer.group,
                                      reinterpret_cast<std::int8_t*>(prepared), layer.row_bytes,
                                      scales, sums);
    }
  }
}

void DenseNet::Plan::run_block(const FloatRows& in, float* y, std::size_t y_stride,
                               std::byte* memory, std::int64_t rows_max) const {
  FloatRows floats = in;
  std::byte* const places = memory;
  const auto at = [&](std::size_t place) {
    return places + place * static_cast<std::size_t>(rows_max);
  };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const PackedLayer& layer = layers[i];
    DenseRows rows;
    rows.rows = in.rows;
    rows.in = at(prepared_at[i % 2]);
    rows.in_stride = layer.row_bytes;
    const bool was_prepared = i > 0 && layer.has_static_input;
    if (!was_prepared) prepare(layer, floats, at(prepared_at[i % 2]), memory, rows_max, rows);

    if (i + 1 == layers.size()) {
      rows.y = y;
      rows.y_stride = y_stride;
    } else if (layers[i + 1].has_static_input) {
      rows.q = reinterpret_cast<std::uint8_t*>(at(prepared_at[(i + 1) % 2]));
      rows.q_stride = layers[i + 1].row_bytes;
    } else {
      rows.y = reinterpret_cast<float*>(at(floats_at[i % 2]));
      rows.y_stride = stride_of_floats(layer.view.outputs);
      floats = {.rows = in.rows, .width = layer.view.outputs, .x = rows.y, .stride = rows.y_stride};
    }
    run[i](layer.view, rows);
  }
}

base::Result<std::unique_ptr<DenseNet>> DenseNet::pack(std::span<const DenseLayer> layers,
                                                       Isa isa) {
  return pack(layers, isa::dense_kernels(isa, has_fast_bf16(read_cpu_words())));
}

base::Result<std::unique_ptr<DenseNet>> DenseNet::pack(std::span<const DenseLayer> layers,
                                                       const isa::DenseKernels& kernels) {
  if (const auto checked = check_layers(layers); !checked) {
    return std::unexpected(checked.error());
  }
  auto plan = std::make_unique<Plan>();
  plan->kernels = &kernels;
  for (const DenseLayer& layer : layers) {
    plan->layers.push_back(pack_layer(layer, kernels));
    plan->run.push_back(kernel_of(kernels, layer.weights));
  }
  for (std::size_t i = 1; i < layers.size(); ++i) {
    if (plan->layers[i].has_static_input) lead_into(plan->layers[i - 1], plan->layers[i]);
  }
  plan->place();
  return std::unique_ptr<DenseNet>(new DenseNet(std::move(plan)));
}

DenseNet::DenseNet(std::unique_ptr<const Plan> plan) : plan_(std::move(plan)) {}
DenseNet::~DenseNet() = default;

void DenseNet::run(const float* x, std::size_t x_stride, std::int64_t rows, float* y,
                   std::size_t y_stride, Scratch& scratch) const {
  if (rows == 0) return;
  PENSTOCK_CHECK(rows > 0 && x_stride >= inputs() && y_stride >= outputs());
  const Scratch::Frame frame(scratch);
  std::int64_t blocks = (rows + plan_->block_rows - 1) / plan_->block_rows;
  const std::int64_t rows_max = (rows + blocks - 1) / blocks;
  std::byte* const memory =
      scratch.take(static_cast<std::size_t>(rows_max) * plan_->row_bytes).data();
  // Split evenly: a small block at the end would read all weights for a few rows.
  while (rows > 0) {
    const std::int64_t block = (rows + blocks - 1) / blocks;
    plan_->run_block(
        {.rows = block, .width = plan_->layers.front().view.inputs, .x = x, .stride = x_stride}, y,
        y_stride, memory, rows_max);
    x += static_cast<std::size_t>(block) * x_stride;
    y += static_cast<std::size_t>(block) * y_stride;
    rows -= block;
    --blocks;
  }
}

std::uint32_t DenseNet::inputs() const {
  return static_cast<std::uint32_t>(plan_->layers.front().view.inputs);
}

std::uint32_t DenseNet::outputs() const {
  return static_cast<std::uint32_t>(plan_->layers.back().view.outputs);
}

std::size_t DenseNet::bytes() const {
  std::size_t sum = 0;
  for (const PackedLayer& layer : plan_->layers) {
    for (const PackedArray& array : layer.memory) sum += array.size();
  }
  return sum;
}

}  // namespace penstock::kernels
