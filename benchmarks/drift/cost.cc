// SPDX-License-Identifier: Apache-2.0
// Times what a value costs the thread that answers, and the one that counts.
//
//   drift_cost
//
// Prints a line per case: name, a tab, the best of many trials in ns per value and, after another
// tab, the median. Checks first that all places are those of std::upper_bound.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "drift/accumulator.h"
#include "drift/byte_ring.h"
#include "drift_rows.h"
#include "timing.h"

namespace {

using namespace penstock;
using drift::Reading;

constexpr std::size_t kFeatures = 100;
constexpr std::size_t kRows = 4096;  // of numbers that differ, so that no branch is learnt
volatile std::uint64_t sink = 0;

template <class Work>
void time_case(std::string_view name, std::size_t values, Work work) {
  const auto timing = kernels_bench::time_calls(work);
  const auto each = static_cast<double>(values);
  std::printf("%.*s\t%.3f\t%.3f\n", static_cast<int>(name.size()), name.data(),
              timing.best_ns / each, timing.median_ns / each);
  std::fflush(stdout);
}

struct Numbers {
  std::vector<float> values;              // [kRows, kFeatures]
  std::vector<std::vector<float>> edges;  // quantiles of each feature

  explicit Numbers(double missing) : values(kRows * kFeatures), edges(kFeatures) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<double> uniform(0, 1);
    std::vector<float> column(kRows);
    for (std::size_t i = 0; i < kFeatures; ++i) {
      for (std::size_t row = 0; row < kRows; ++row) {
        const float drawn = normal(random);
        // Of every three features one is symmetric, one has a long tail, one is far from 0.
        column[row] = i % 3 == 0 ? drawn : i % 3 == 1 ? std::exp(2 * drawn) : 1e4F + drawn;
        values[row * kFeatures + i] = column[row];
      }
      std::ranges::sort(column);
      for (std::size_t k = 1; k < 64; ++k) edges[i].push_back(column[k * kRows / 64]);
    }
    for (float& value : values) {
      if (uniform(random) < missing) value = std::numeric_limits<float>::quiet_NaN();
    }
  }
  drift::Plan plan() const {
    std::vector<drift::ColumnSpec> columns;
    for (std::size_t i = 0; i < kFeatures; ++i) {
      columns.push_back(testing::column("x", Reading::kNumber, i, edges[i]));
      columns.back().minimum = -1.0;
      columns.back().maximum = 1e4;
    }
    return testing::plan_of(
        columns, {.inputs = {{.name = "x", .dtype = base::DType::kFp32, .dims = {kFeatures}}},
                  .outputs = {},
                  .batch_rows_max = 4096});
  }
};

void check(const Numbers& numbers) {
  const drift::Plan plan = numbers.plan();
  drift::Accumulator accumulator(plan, 1);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(numbers.values));
  accumulator.add({.rows = kRows, .tensors = {&bytes, 1}});
  std::vector<std::uint32_t> wanted(plan.places);
  for (std::size_t at = 0; at < numbers.values.size(); ++at) {
    const drift::PlannedColumn& column = plan.columns[at % kFeatures];
    const float value = numbers.values[at];
    const auto& edges = column.spec.edges;
    const auto bin = std::ranges::upper_bound(edges, value) - edges.begin();
    const auto place = std::isnan(value) ? edges.size() + 1 : static_cast<std::size_t>(bin);
    ++wanted[column.first_place + place];
  }
  if (accumulator.take(true).shown == wanted) return;
  std::fprintf(stderr, "a place is not that of std::upper_bound\n");
  std::exit(1);
}

// The copy of one row into a ring that has room.
void time_tap(const Numbers& numbers) {
  drift::ByteRing ring(std::size_t{1} << 22);
  std::size_t at = 0;
  const auto row = [&] {
    at = (at + 1) % kRows;
    return std::as_bytes(std::span(&numbers.values[at * kFeatures], kFeatures));
  };
  std::vector<std::byte> copy(kFeatures * sizeof(float));
  time_case("plain copy of a row", kFeatures, [&] {
    const auto bytes = row();
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    asm volatile("" ::"r"(copy.data()) : "memory");
  });
  time_case("tap, a row into the ring", kFeatures, [&] {
    const std::span<const std::byte> bytes = row();
    const drift::Rows rows{.rows = 1, .tensors = {&bytes, 1}};
    std::byte* const record = ring.reserve(drift::record_bytes(rows));
    drift::write_record(1, rows, record);
    ring.commit();
    if (!ring.is_half_full()) return;
    while (!ring.next().empty()) {
    }
    ring.release();
  });
}

// Records of a ring -> counts: bins, moments, what is outside, repeated rows.
void time_counting(std::string_view name, const Numbers& numbers, std::uint32_t rows_each) {
  const drift::Plan plan = numbers.plan();
  drift::Accumulator accumulator(plan, 1);
  const std::size_t step = rows_each * kFeatures;
  std::size_t at = 0;
  std::vector<std::vector<std::byte>> records;
  for (std::size_t from = 0; from + step <= numbers.values.size(); from += step) {
    const auto bytes = std::as_bytes(std::span(&numbers.values[from], step));
    const drift::Rows rows{.rows = rows_each, .tensors = {&bytes, 1}};
    records.emplace_back(drift::record_bytes(rows));
    drift::write_record(1, rows, records.back().data());
  }
  const std::size_t together = std::max<std::size_t>(1, 256 / rows_each);
  time_case(name, together * step, [&] {
    std::span<const std::byte> tensor;
    for (std::size_t i = 0; i < together; ++i) {
      accumulator.add(drift::read_record(records[at], {&tensor, 1}));
      at = (at + 1) % records.size();
    }
    accumulator.flush();
  });
  sink = accumulator.take(true).rows;
}

// The same 100 numbers, each an input of its own.
void time_inputs(const Numbers& numbers) {
  base::Signature signature{.inputs = {}, .outputs = {}, .batch_rows_max = 64};
  std::vector<drift::ColumnSpec> columns;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    const std::string name = "x" + std::to_string(i);
    signature.inputs.push_back({.name = name, .dtype = base::DType::kFp32, .dims = {1}});
    columns.push_back(testing::column(name, Reading::kNumber, 0, numbers.edges[i]));
  }
  const drift::Plan plan = testing::plan_of(columns, signature);
  drift::Accumulator accumulator(plan, 1);
  std::vector<std::span<const std::byte>> tensors(kFeatures);
  std::vector<std::span<const std::byte>> read(kFeatures);
  const auto fill = [&](std::size_t row) {
    for (std::size_t i = 0; i < kFeatures; ++i) {
      tensors[i] = std::as_bytes(std::span(&numbers.values[row * kFeatures + i], 1));
    }
    return drift::Rows{.rows = 1, .tensors = tensors};
  };
  std::vector<std::byte> record(drift::record_bytes(fill(0)));
  std::size_t at = 0;
  time_case("tap, a row of 100 inputs into the ring", kFeatures, [&] {
    drift::write_record(1, fill(at = (at + 1) % kRows), record.data());
    asm volatile("" ::"r"(record.data()) : "memory");
  });
  std::vector<std::vector<std::byte>> records(256, record);
  for (std::size_t i = 0; i < records.size(); ++i) {
    drift::write_record(1, fill(i), records[i].data());
  }
  time_case("counting, rows of 100 inputs", records.size() * kFeatures, [&] {
    for (const auto& one : records) accumulator.add(drift::read_record(one, read));
    accumulator.flush();
  });
  sink = accumulator.take(true).rows;
}

void time_texts() {
  auto words = testing::column("t", Reading::kCategory);
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back("category " + std::to_string(i));
  words.categories = names;
  const auto plan = testing::plan_of(
      {words}, {.inputs = {{.name = "t", .dtype = base::DType::kBytes, .dims = {1}}},
                .outputs = {},
                .batch_rows_max = 4096});
  drift::Accumulator accumulator(plan, 1);
  std::mt19937 random(3);
  std::vector<std::string> texts(1024);
  for (auto& text : texts) text = "category " + std::to_string(random() % 250);
  const auto bytes = testing::raw_texts(texts);
  const std::span<const std::byte> tensor = bytes;
  time_case("counting, texts of 200 categories", texts.size(), [&] {
    accumulator.add({.rows = 1024, .tensors = {&tensor, 1}});
    accumulator.flush();
  });
  sink = accumulator.take(true).rows;
}

void time_embeddings(const Numbers& numbers) {
  constexpr std::uint32_t kWidth = 768;
  std::vector<drift::ColumnSpec> columns = {testing::column("e", Reading::kNorm)};
  for (std::size_t k = 0; k < 16; ++k) {
    columns.push_back(testing::column("e", Reading::kProjection, k, numbers.edges[0]));
  }
  const auto plan = testing::plan_of(
      columns, {.inputs = {{.name = "e", .dtype = base::DType::kFp32, .dims = {kWidth}}},
                .outputs = {},
                .batch_rows_max = 4096});
  drift::Accumulator accumulator(plan, 1);
  const auto tensor = std::as_bytes(std::span(numbers.values.data(), 64 * kWidth));
  time_case("counting, embeddings of 768 numbers", 64 * kWidth, [&] {
    accumulator.add({.rows = 64, .tensors = {&tensor, 1}});
    accumulator.flush();
  });
  sink = accumulator.take(true).rows;
}

}  // namespace

int main() {
  const Numbers whole(0);
  const Numbers holed(0.1);
  check(whole);
  check(holed);
  time_tap(whole);
  time_counting("counting, one row a request", whole, 1);
  time_counting("counting, one row a request, a tenth missing", holed, 1);
  time_counting("counting, 64 rows a request", whole, 64);
  time_inputs(whole);
  time_texts();
  time_embeddings(whole);
}
