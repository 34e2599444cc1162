// SPDX-License-Identifier: Apache-2.0
#include "drift/accumulator.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/bytes_elements.h"
#include "drift/byte_ring.h"
#include "drift/projection.h"

namespace penstock::drift {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kPresentPlace = 0;
constexpr std::size_t kMissingPlace = 1;

// At most 8 bytes. A word that was stored in parts is slow to load.
std::uint64_t small_word(std::span<const std::byte> bytes) {
  if (bytes.size() == sizeof(std::uint32_t)) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    return word;
  }
  std::uint64_t word = 0;
  copy_small(&word, bytes);
  return word;
}

}  // namespace

Accumulator::Accumulator(const Plan& plan, std::uint64_t seed, std::size_t sample_rows)
    : plan_(plan),
      starts_(plan.tensors.size() * kStartsStride),
      places_(2 * std::size_t{plan.places}),
      sample_(plan, sample_rows),
      chance_(seed) {
  for (const PlannedTensor& planned : plan.tensors) {
    Tensor& tensor = tensors_.emplace_back();
    tensor.plan = planned;
    tensor.salt = mixed(tensors_.size() * kMixStep);
    tensor.element_bytes = base::element_bytes(planned.dtype);
    if (tensor.element_bytes > 0) tensor.number = read_number(planned.dtype);
  }
  for (std::uint32_t i = 0; i < plan.columns.size(); ++i) add_column(plan.columns[i], i);
  for (Tensor& tensor : tensors_) {
    std::ranges::sort(tensor.texts, {}, [&](std::uint32_t i) { return columns_[i].element; });
  }
  counts_.outside.resize(plan.columns.size());
  counts_.moments.resize(plan.columns.size());
}

void Accumulator::add_column(const PlannedColumn& planned, std::uint32_t index) {
  const ColumnSpec& spec = planned.spec;
  Tensor& tensor = tensors_[planned.tensor];
  Column& column = columns_.emplace_back();
  column.reading = spec.reading;
  column.is_text = tensor.element_bytes == 0;
  column.tensor = planned.tensor;
  column.first_place = planned.first_place;
  column.element = spec.element;
  column.offset = spec.element * tensor.element_bytes;
  column.number = tensor.number;
  if (!column.is_text) column.gather = gather_numbers(tensor.plan.dtype);
  const bool is_whole = spec.reading == Reading::kNorm || spec.reading == Reading::kProjection;
  if (is_whole) tensor.whole.push_back(index);
  if (column.is_text) tensor.texts.push_back(index);
  if (spec.reading == Reading::kPresent) return;
  if (spec.reading == Reading::kCategory) {
    column.map = static_cast<std::uint32_t>(categories_.size());
    if (!column.is_text) column.integer = read_integer(tensor.plan.dtype);
    // An empty list is of either kind.
    const auto* const texts = std::get_if<std::vector<std::string>>(&spec.categories);
    const auto* const numbers = std::get_if<std::vector<std::int64_t>>(&spec.categories);
    if (column.is_text) {
      categories_.emplace_back(texts == nullptr ? std::vector<std::string>() : *texts);
    } else {
      categories_.emplace_back(numbers == nullptr ? std::vector<std::int64_t>() : *numbers);
    }
    return;
  }
  column.map = static_cast<std::uint32_t>(bins_.size());
  bins_.emplace_back(spec.edges);
  column.bounds.shift = spec.shift;
  if (spec.minimum) column.bounds.minimum = least_within(*spec.minimum);
  if (spec.maximum) column.bounds.maximum = greatest_within(*spec.maximum);
  if (is_whole || column.is_text) {
    column.staged = static_cast<std::uint32_t>(staged_.size());
    staged_.emplace_back();
  }
}

// ---------------------------------------------------------------------------------------------
// A request

void Accumulator::add(const Rows& rows) {
  ++counts_.requests;
  is_unfit_ = false;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const bool fits = begin(tensors_[i], rows.tensors[i], rows.rows);
    if (!fits && rows.tensors[i].data() != nullptr) is_unfit_ = true;
  }
  TickKeys::Admitted admitted{.rows = rows.rows, .is_tested = true};
  if (rows.has_key) admitted = keys_.admit(rows.key, rows.rows);
  counts_.capped_rows += rows.rows - admitted.rows;
  if (admitted.rows == 0) return;
  const std::uint64_t tested =
      admitted.is_tested ? chance_.below(admitted.rows) : std::uint64_t{admitted.rows};
  const bool is_whole = note_unasked(rows, admitted.rows, admitted.is_tested);
  has_seen_whole_ |= is_whole;
  // What was not asked for is missing in a sample: there it is drawn only while nothing better
  // came.
  const bool is_drawn = is_whole || !has_seen_whole_;
  for (std::uint32_t row = 0; row < admitted.rows; ++row) add_row(row == tested, is_drawn);
}

// An executor may leave out an output that a request did not ask for; it is then not missing. Such
// rows are counted as if it were, which costs others nothing, and taken off again. False: there is
// such an output.
bool Accumulator::note_unasked(const Rows& rows, std::uint32_t admitted, bool is_tested) {
  bool is_whole = true;
  for (std::size_t i = plan_.inputs; i < tensors_.size(); ++i) {
    if (rows.tensors[i].data() != nullptr) continue;
    is_whole = false;
    tensors_[i].unasked_rows += admitted;
    tensors_[i].unasked_tested += is_tested ? 1 : 0;
  }
  return is_whole;
}

// False: it has no rows that the columns can be read from, and counts as missing.
bool Accumulator::begin(Tensor& tensor, std::span<const std::byte> bytes, std::uint32_t rows) {
  tensor.at = nullptr;
  if (bytes.data() == nullptr || rows == 0) return false;
  std::uint64_t elements = 0;
  if (tensor.element_bytes == 0) {
    const std::uint64_t all = base::count_bytes_elements(bytes).value_or(0);
    if (all % rows != 0) return false;
    elements = tensor.row_texts = all / rows;
    tensor.rest = bytes;
  } else {
    // Mostly it is one row, and divisions are slow.
    const std::size_t row_bytes = rows == 1 ? bytes.size() : bytes.size() / rows;
    if (rows * row_bytes != bytes.size() || (row_bytes & (tensor.element_bytes - 1)) != 0) {
      return false;
    }
    elements = row_bytes >> std::countr_zero(tensor.element_bytes);
    tensor.row_bytes = row_bytes;
  }
  const std::uint64_t known = tensor.plan.elements;
  if (elements < tensor.plan.elements_min || (known > 0 && elements != known)) return false;
  tensor.at = bytes.data();
  return true;
}

void Accumulator::add_row(bool is_tested, bool is_drawn) {
  ++counts_.rows;
  if (is_tested) ++counts_.tested_rows;
  if (is_unfit_) ++counts_.unfit_rows;
  test_offsets_[filled_] = is_tested ? plan_.places : 0;
  row_hash_ = 0;
  const Drawn drawn = is_drawn ? sample_.draw(chance_) : std::nullopt;
  const std::byte** start = &starts_[filled_];
  for (Tensor& tensor : tensors_) {
    *start = tensor.at;
    start += kStartsStride;
    if (!tensor.texts.empty()) {
      read_texts(tensor, drawn);
      continue;
    }
    if (!tensor.whole.empty()) read_whole(tensor, drawn);
    if (tensor.at == nullptr) continue;
    hash_row(tensor, {tensor.at, tensor.row_bytes});
    tensor.at += tensor.row_bytes;
  }
  if (drawn) draw_elements(*drawn);
  if (plan_.inputs > 0 && recent_.add(row_hash_)) ++counts_.repeated_rows;
  if (++filled_ == kBlockRows) flush();
}

// Inputs alone: equal ones have equal answers. A sum, so that none waits for the one before.
void Accumulator::hash_row(const Tensor& tensor, std::span<const std::byte> row) {
  if (tensor.plan.is_output) return;
  const std::uint64_t word =
      row.size() > sizeof(std::uint64_t) ? fingerprint(row) : small_word(row);
  row_hash_ += mixed(word ^ tensor.salt);
}

void Accumulator::read_texts(Tensor& tensor, const Drawn& drawn) {
  if (tensor.at == nullptr) {
    for (const std::uint32_t index : tensor.texts) read_text(index, {}, drawn);
    return;
  }
  const std::span<const std::byte> before = tensor.rest;
  auto column = tensor.texts.begin();
  for (std::uint64_t element = 0; element < tensor.row_texts; ++element) {
    const auto text = base::take_bytes_element(tensor.rest);
    for (; column != tensor.texts.end() && columns_[*column].element == element; ++column) {
      read_text(*column, *text, drawn);
    }
  }
  hash_row(tensor, before.first(before.size() - tensor.rest.size()));
}

void Accumulator::read_text(std::uint32_t index, std::span<const std::byte> text,
                            const Drawn& drawn) {
  const Column& column = columns_[index];
  switch (column.reading) {
    case Reading::kCategory:
      count(column, filled_, categories_[column.map].find(text));
      if (drawn) sample_.set_text(*drawn, index, text);
      break;
    case Reading::kLength: {
      const bool is_missing = tensors_[column.tensor].at == nullptr;
      stage(index, is_missing ? kMissing : static_cast<float>(text.size()), drawn);
      break;
    }
    default: count(column, filled_, text.empty() ? kMissingPlace : kPresentPlace);
  }
}

void Accumulator::read_whole(const Tensor& tensor, const Drawn& drawn) {
  Projected made;
  made.norm = kMissing;
  made.values.fill(kMissing);
  if (tensor.at != nullptr) {
    row_.resize(tensor.row_bytes / tensor.element_bytes);
    for (std::size_t i = 0; i < row_.size(); ++i) {
      row_[i] = tensor.number(tensor.at + i * tensor.element_bytes);
    }
    made = project(row_);
  }
  for (const std::uint32_t index : tensor.whole) {
    const Column& column = columns_[index];
    stage(index, column.reading == Reading::kNorm ? made.norm : made.values[column.element], drawn);
  }
}

void Accumulator::stage(std::uint32_t index, float value, const Drawn& drawn) {
  staged_[columns_[index].staged].values[filled_] = value;
  if (drawn) sample_.set_number(*drawn, index, value);
}

// What stands at fixed places, of a row that is drawn.
void Accumulator::draw_elements(std::size_t drawn) {
  for (std::uint32_t i = 0; i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    const std::byte* const row = starts_[column.tensor * kStartsStride + filled_];
    if (column.is_text || row == nullptr) continue;
    if (column.reading == Reading::kNumber) {
      sample_.set_number(drawn, i, column.number(row + column.offset));
    } else if (column.reading == Reading::kCategory) {
      sample_.set_integer(drawn, i, column.integer(row + column.offset));
    }
  }
}

// ---------------------------------------------------------------------------------------------
// A block

void Accumulator::flush() {
  if (filled_ == 0) return;
  for (Column& column : columns_) flush_column(column);
  filled_ = 0;
}

void Accumulator::flush_column(Column& column) {
  const std::byte* const* const rows = &starts_[column.tensor * kStartsStride];
  Block block;
  switch (column.reading) {
    case Reading::kNumber:
      column.gather(rows, column.offset, filled_, block);
      return count_numbers(column, block);
    case Reading::kLength:
    case Reading::kNorm:
    case Reading::kProjection: {
      Block& staged = staged_[column.staged];
      std::fill(staged.values.begin() + filled_, staged.values.end(), kMissing);
      return count_numbers(column, staged);
    }
    case Reading::kPresent:
      if (column.is_text) return;
      column.gather(rows, column.offset, filled_, block);
      for (std::size_t i = 0; i < filled_; ++i) {
        count(column, i, std::isnan(block.values[i]) ? kMissingPlace : kPresentPlace);
      }
      return;
    case Reading::kCategory: {
      if (column.is_text) return;
      const CategoryMap& map = categories_[column.map];
      for (std::size_t i = 0; i < filled_; ++i) {
        const bool is_missing = rows[i] == nullptr;
        count(column, i,
              is_missing ? map.missing() : map.find(column.integer(rows[i] + column.offset)));
      }
    }
  }
}

void Accumulator::count_numbers(Column& column, const Block& block) {
  Places found;
  bins_[column.map].find(block, found);
  for (std::size_t i = 0; i < filled_; ++i) count(column, i, found[i]);
  column.moments.add(block, column.bounds);
}

// ---------------------------------------------------------------------------------------------
// What was counted

std::size_t Accumulator::missing_place(const Column& column) const {
  switch (column.reading) {
    case Reading::kPresent: return kMissingPlace;
    case Reading::kCategory: return categories_[column.map].missing();
    default: return bins_[column.map].missing();
  }
}

void Accumulator::leave_out_unasked() {
  for (const Column& column : columns_) {
    const Tensor& tensor = tensors_[column.tensor];
    if (tensor.unasked_rows == 0) continue;
    const std::size_t place = column.first_place + missing_place(column);
    places_[place] -= tensor.unasked_rows - tensor.unasked_tested;
    places_[place + plan_.places] -= tensor.unasked_tested;
  }
  for (Tensor& tensor : tensors_) tensor.unasked_rows = tensor.unasked_tested = 0;
}

Counts Accumulator::take(bool ends_tick) {
  flush();
  leave_out_unasked();
  const std::size_t columns = columns_.size();
  const auto tested = places_.begin() + plan_.places;
  counts_.tested.assign(tested, places_.end());
  counts_.shown.assign(places_.begin(), tested);
  for (std::size_t i = 0; i < plan_.places; ++i) counts_.shown[i] += counts_.tested[i];
  for (std::size_t i = 0; i < columns; ++i) {
    const Moments moments = std::exchange(columns_[i].moments, {});
    counts_.outside[i] = {moments.below, moments.above};
    counts_.moments[i] = {moments.sum, moments.squares, moments.least, moments.greatest};
  }
  counts_.sample = sample_.take();
  std::ranges::fill(places_, 0U);
  if (ends_tick) keys_.clear();
  Counts taken = std::exchange(counts_, {});
  counts_.outside.resize(columns);
  counts_.moments.resize(columns);
  return taken;
}

std::size_t Accumulator::bytes() const {
  std::size_t sum = sizeof *this + columns_.size() * sizeof(Column) +
                    tensors_.size() * sizeof(Tensor) + bins_.size() * sizeof(BinMap) +
                    staged_.size() * sizeof(Block) + starts_.size() * sizeof(std::byte*) +
                    places_.size() * sizeof(std::uint32_t) + keys_.bytes() + sample_.bytes();
  sum += columns_.size() * (sizeof(counts_.outside[0]) + sizeof(counts_.moments[0]));
  for (const CategoryMap& map : categories_) sum += map.bytes();
  return sum;
}

}  // namespace penstock::drift
