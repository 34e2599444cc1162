// SPDX-License-Identifier: Apache-2.0
#include "drift/row_sample.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace penstock::drift {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

}  // namespace

std::optional<std::size_t> RowSample::draw(Chance& chance) {
  if (rows_max_ == 0) return std::nullopt;
  ++seen_;
  if (sample_.rows < rows_max_) {
    const std::size_t columns = plan_.columns.size();
    sample_.numbers.resize(++sample_.rows * columns, kMissing);
    for (auto& [column, texts] : sample_.texts) texts.resize(sample_.rows);
    for (auto& [column, integers] : sample_.integers) integers.resize(sample_.rows);
    return sample_.rows - 1;
  }
  const std::uint64_t row = chance.below(std::min<std::uint64_t>(seen_, std::uint32_t(-1)));
  if (row >= rows_max_) return std::nullopt;
  forget(row);
  return row;
}

void RowSample::forget(std::size_t row) {
  const std::size_t columns = plan_.columns.size();
  std::fill_n(sample_.numbers.begin() + static_cast<std::ptrdiff_t>(row * columns), columns,
              kMissing);
  for (auto& [column, texts] : sample_.texts) texts[row].clear();
  for (auto& [column, integers] : sample_.integers) integers[row].reset();
}

void RowSample::set_text(std::size_t row, std::uint32_t column, std::span<const std::byte> text) {
  sample_.texts.at(column)[row].assign(reinterpret_cast<const char*>(text.data()),
                                       std::min(text.size(), kSampleTextMax));
}

void RowSample::set_integer(std::size_t row, std::uint32_t column, std::int64_t value) {
  sample_.integers.at(column)[row] = value;
}

Sample RowSample::take() {
  Sample taken = std::exchange(sample_, {});
  seen_ = 0;
  const std::size_t row_bytes = plan_.columns.size() * sizeof(float);
  rows_max_ = wanted_ == 0 ? 0 : std::clamp<std::size_t>(kSampleBytesMax / row_bytes, 1, wanted_);
  if (rows_max_ == 0) return taken;
  for (std::uint32_t i = 0; i < plan_.columns.size(); ++i) {
    const PlannedColumn& column = plan_.columns[i];
    if (column.spec.reading != Reading::kCategory) continue;
    if (plan_.tensors[column.tensor].dtype == base::DType::kBytes) {
      sample_.texts[i];
    } else {
      sample_.integers[i];
    }
  }
  return taken;
}

}  // namespace penstock::drift
