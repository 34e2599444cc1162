// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "drift/bin_map.h"
#include "drift/block.h"
#include "drift/category_map.h"
#include "drift/counts.h"
#include "drift/elements.h"
#include "drift/fingerprint.h"
#include "drift/moments.h"
#include "drift/plan.h"
#include "drift/recent_rows.h"
#include "drift/record.h"
#include "drift/row_sample.h"
#include "drift/tick_keys.h"

namespace penstock::drift {

// Rows -> counts, by a plan. Each row is in each column once, but where its request did not ask for
// an output that the column is of. Numbers of fixed size are left where they are until there are
// kBlockRows rows, and counted column by column; texts and embeddings are read as they come.
//
// Lives on one thread. What it holds depends on the plan alone, whatever the rows are.
class Accumulator {
 public:
  // `plan` outlives it. `seed`: of what is left to chance. `sample_rows`: see keep_sample().
  Accumulator(const Plan& plan, std::uint64_t seed, std::size_t sample_rows = 0);
  Accumulator(const Accumulator&) = delete;
  Accumulator& operator=(const Accumulator&) = delete;

  // The bytes of `rows` stay as they are until the next flush().
  void add(const Rows& rows);
  // Counts what waits for its block to be full.
  void flush();
  // What was counted since the last call. With `ends_tick` sticky keys are new ones again.
  Counts take(bool ends_tick);
  // From the next take() on.
  void keep_sample(std::size_t rows) { sample_.keep(rows); }
  std::size_t bytes() const;

 private:
  struct Column {
    Reading reading = Reading::kNumber;
    bool is_text = false;
    std::uint32_t tensor = 0;
    std::uint32_t first_place = 0;
    std::uint64_t element = 0;
    std::size_t offset = 0;    // of the element in its row, in bytes
    std::uint32_t map = 0;     // of bins_, or of categories_
    std::uint32_t staged = 0;  // of staged_
    GatherNumbers gather = nullptr;
    ReadNumber number = nullptr;
    ReadInteger integer = nullptr;
    Bounds bounds;
    Moments moments;
  };
  struct Tensor {
    PlannedTensor plan;
    std::size_t element_bytes = 0;     // 0: texts
    std::uint64_t salt = 0;            // of its place among the tensors
    std::vector<std::uint32_t> texts;  // columns, by their element
    std::vector<std::uint32_t> whole;  // columns that are of the whole row
    ReadNumber number = nullptr;
    // Of the request under way:
    const std::byte* at = nullptr;  // its next row; null: it has none
    std::size_t row_bytes = 0;      // not of texts
    std::uint64_t row_texts = 0;
    std::span<const std::byte> rest;  // of texts
    // Rows of requests that did not ask for it, since they were taken last.
    std::uint32_t unasked_rows = 0;
    std::uint32_t unasked_tested = 0;
  };
  // From one tensor's starts to the next one's: a power of two would put all into a few sets of the
  // cache.
  static constexpr std::size_t kStartsStride = kBlockRows + 8;
  using Drawn = std::optional<std::size_t>;  // the row's place in the sample

  void add_column(const PlannedColumn& planned, std::uint32_t index);
  bool begin(Tensor& tensor, std::span<const std::byte> bytes, std::uint32_t rows);
  void add_row(bool is_tested, bool is_drawn);
  void read_texts(Tensor& tensor, const Drawn& drawn);
  void read_text(std::uint32_t index, std::span<const std::byte> text, const Drawn& drawn);
  void read_whole(const Tensor& tensor, const Drawn& drawn);
  void stage(std::uint32_t index, float value, const Drawn& drawn);
  void hash_row(const Tensor& tensor, std::span<const std::byte> row);
  void draw_elements(std::size_t drawn);
  bool note_unasked(const Rows& rows, std::uint32_t admitted, bool is_tested);
  void leave_out_unasked();
  std::size_t missing_place(const Column& column) const;
  void flush_column(Column& column);
  void count_numbers(Column& column, const Block& block);
  void count(const Column& column, std::size_t row, std::size_t place) {
    ++places_[column.first_place + test_offsets_[row] + place];
  }

  const Plan& plan_;
  std::vector<Column> columns_;
  std::vector<Tensor> tensors_;
  std::vector<BinMap> bins_;
  std::vector<CategoryMap> categories_;
  std::vector<Block> staged_;
  std::vector<float> row_;  // an embedding, at hand

  // The block under way: of each tensor where its rows begin, and of each row whether it is tested.
  std::vector<const std::byte*> starts_;
  std::array<std::uint32_t, kBlockRows> test_offsets_{};
  std::size_t filled_ = 0;
  bool is_unfit_ = false;        // the request under way
  bool has_seen_whole_ = false;  // a request that asked for all outputs
  std::uint64_t row_hash_ = 0;

  // Rows that are not tested, then those that are.
  std::vector<std::uint32_t> places_;
  Counts counts_;
  TickKeys keys_;
  RecentRows recent_;
  RowSample sample_;
  Chance chance_;
};

}  // namespace penstock::drift
