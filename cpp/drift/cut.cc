// SPDX-License-Identifier: Apache-2.0
#include "drift/cut.h"

#include <algorithm>
#include <cstdint>

#include "base/bytes_elements.h"

namespace penstock::drift {
namespace {

using Bytes = std::span<const std::byte>;

struct Run {
  std::uint64_t first = 0;
  std::uint64_t rows = 0;
};

bool is_text(const PlannedTensor& tensor) { return tensor.dtype == base::DType::kBytes; }

// The run's rows of a tensor that has `rows`.
std::optional<Bytes> view_of(const PlannedTensor& tensor, Bytes bytes, std::uint64_t rows,
                             const Run& run) {
  if (bytes.data() == nullptr) return bytes;
  if (!is_text(tensor)) {
    const std::size_t row_bytes = bytes.size() / rows;
    if (row_bytes * rows != bytes.size()) return std::nullopt;
    return bytes.subspan(run.first * row_bytes, run.rows * row_bytes);
  }
  std::uint64_t texts = tensor.elements;
  if (texts == 0) {
    const auto all = base::count_bytes_elements(bytes);
    if (!all || *all % rows != 0) return std::nullopt;
    texts = *all / rows;
  }
  Bytes rest = bytes;
  if (!base::skip_bytes_elements(rest, run.first * texts)) return std::nullopt;
  const Bytes begin = rest;
  if (!base::skip_bytes_elements(rest, run.rows * texts)) return std::nullopt;
  return begin.first(begin.size() - rest.size());
}

// One of the runs of equal length that all rows fall into, of which the mean one fits.
std::optional<Run> draw_run(const Rows& rows, std::span<const PlannedTensor> tensors,
                            std::size_t bytes_max, Chance& chance) {
  std::uint64_t all_bytes = 0;
  for (const Bytes tensor : rows.tensors) all_bytes += tensor.size();
  const std::uint64_t beside =
      record_bytes({.tensors = rows.tensors.first(0)}) + 16 * tensors.size();
  if (bytes_max <= beside || all_bytes == 0) return std::nullopt;
  std::uint64_t fit = (bytes_max - beside) * rows.rows / all_bytes;
  // Texts of one run may be longer than those of the others.
  if (std::ranges::any_of(tensors, is_text)) fit -= fit / 8;
  fit = std::clamp<std::uint64_t>(fit, 1, rows.rows);
  const std::uint64_t runs = (rows.rows + fit - 1) / fit;
  const std::uint64_t length = (rows.rows + runs - 1) / runs;
  const std::uint64_t first = length * chance.below((rows.rows + length - 1) / length);
  return Run{.first = first, .rows = std::min(length, rows.rows - first)};
}

}  // namespace

std::optional<Rows> cut_rows(const Rows& rows, std::span<const PlannedTensor> tensors,
                             std::size_t bytes_max, Chance& chance, std::vector<Bytes>& views) {
  if (rows.rows == 0) return std::nullopt;
  auto run = draw_run(rows, tensors, bytes_max, chance);
  while (run) {
    views.clear();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const auto view = view_of(tensors[i], rows.tensors[i], rows.rows, *run);
      if (!view) return std::nullopt;
      views.push_back(*view);
    }
    const Rows cut{.rows = static_cast<std::uint32_t>(run->rows),
                   .has_key = rows.has_key,
                   .key = rows.key,
                   .tensors = views};
    if (record_bytes(cut) <= bytes_max) return cut;
    if (run->rows == 1) break;
    const std::uint64_t half = run->rows / 2;
    if (chance.below(2) == 0) {
      run->rows = half;
    } else {
      run = Run{.first = run->first + half, .rows = run->rows - half};
    }
  }
  return std::nullopt;
}

}  // namespace penstock::drift
