// SPDX-License-Identifier: Apache-2.0
// A plan and rows of any size and content: a plan is refused or holds, and what it counts of each
// column is every row that was seen, whatever the bytes are.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "drift/accumulator.h"
#include "drift/byte_ring.h"
#include "drift/cut.h"
#include "drift/record.h"
#include "fuzz_input.h"

namespace penstock::fuzzing {
namespace {

using drift::ColumnSpec;
using drift::Reading;

constexpr std::size_t kColumnsMax = 6;

base::TensorSpec tensor(Input& input, std::string name) {
  base::TensorSpec spec{.name = std::move(name),
                        .dtype = static_cast<base::DType>(input.below(base::kDTypeCount)),
                        .dims = {static_cast<std::int64_t>(input.below(6)) - 1}};
  if (input.below(4) == 0) spec.dims.push_back(2);
  return spec;
}

ColumnSpec column(Input& input) {
  ColumnSpec made;
  made.is_output = input.below(4) == 0;
  made.tensor = std::string(1, static_cast<char>((made.is_output ? 'y' : 'a') + input.below(2)));
  made.reading = static_cast<Reading>(input.below(6));
  made.is_sensitive = (made.reading == Reading::kPresent) != (input.below(16) == 1);
  made.element = input.below(20);
  for (std::size_t left = input.below(70); left > 0; --left) {
    const std::uint32_t bits = input.u32();
    float edge = 0;
    std::memcpy(&edge, &bits, sizeof edge);
    made.edges.push_back(edge);
  }
  if (input.below(2) == 0) std::ranges::sort(made.edges);
  if (made.reading != Reading::kCategory) return made;
  if (input.below(2) == 0) {
    std::vector<std::int64_t> names(input.below(4));
    for (std::int64_t& name : names) name = input.u8() - 100;
    made.categories = names;
  } else {
    std::vector<std::string> names(input.below(4));
    for (std::string& name : names) name = input.bytes(input.below(4));
    made.categories = names;
  }
  return made;
}

void check(const drift::Plan& plan, const drift::Counts& counts, std::uint64_t rows) {
  PENSTOCK_CHECK(counts.rows + counts.capped_rows == rows);
  PENSTOCK_CHECK(counts.tested_rows <= counts.requests);
  for (const drift::PlannedColumn& column : plan.columns) {
    const auto sum = [&](const std::vector<std::uint32_t>& of) {
      const auto first = of.begin() + column.first_place;
      return std::accumulate(first, first + column.places, std::uint64_t{0});
    };
    // An output that was not asked for is in none of its columns.
    const bool is_output = column.spec.is_output;
    PENSTOCK_CHECK(sum(counts.shown) == counts.rows ||
                   (is_output && sum(counts.shown) < counts.rows));
    PENSTOCK_CHECK(sum(counts.tested) == counts.tested_rows ||
                   (is_output && sum(counts.tested) < counts.tested_rows));
  }
  PENSTOCK_CHECK(counts.sample.rows <= counts.rows);
}

void run(Input input) {
  base::Signature signature{.inputs = {tensor(input, "a"), tensor(input, "b")},
                            .outputs = {tensor(input, "y"), tensor(input, "z")},
                            .batch_rows_max = 8};
  std::vector<ColumnSpec> columns;
  for (std::size_t left = 1 + input.below(kColumnsMax); left > 0; --left) {
    columns.push_back(column(input));
  }
  const auto plan = drift::Plan::make(std::move(columns), signature);
  if (!plan) return;
  drift::ByteRing ring(4096);
  drift::Accumulator accumulator(*plan, input.u8(), input.below(4));
  std::vector<std::span<const std::byte>> spans(plan->tensors.size());
  std::uint64_t rows = 0;
  drift::Chance chance(1);
  while (!input.is_empty()) {
    const auto count = static_cast<std::uint32_t>(1 + input.below(70));
    const std::size_t bits = input.u8();
    std::vector<std::string> bytes;
    for (std::size_t i = 0; i < spans.size(); ++i) {
      bytes.emplace_back(input.bytes(input.below(200)));
      // Often it is of the size that it should be.
      const std::size_t element = base::element_bytes(plan->tensors[i].dtype);
      const std::size_t whole = count * element * plan->tensors[i].elements;
      if ((bits >> i & 1) != 0 && whole > 0 && whole < 2000) bytes.back().resize(whole, 'x');
    }
    for (std::size_t i = 0; i < spans.size(); ++i) {
      spans[i] = std::as_bytes(std::span(bytes[i].data(), bytes[i].size()));
      if (bytes[i].empty()) spans[i] = {};
    }
    drift::Rows sent{
        .rows = count, .has_key = (bits & 16) != 0, .key = input.u8(), .tensors = spans};
    std::vector<std::span<const std::byte>> views;
    if (const std::size_t bytes_max = 64 + 16 * std::size_t{count};
        drift::record_bytes(sent) > bytes_max) {
      const auto cut = drift::cut_rows(sent, plan->tensors, bytes_max, chance, views);
      if (!cut) continue;
      PENSTOCK_CHECK(cut->rows >= 1 && cut->rows <= count);
      PENSTOCK_CHECK(drift::record_bytes(*cut) <= bytes_max);
      sent = *cut;
    }
    std::byte* const record = ring.reserve(drift::record_bytes(sent));
    if (record == nullptr) continue;
    drift::write_record(1, sent, record);
    ring.commit();
    rows += sent.rows;
    std::vector<std::span<const std::byte>> read(spans.size());
    accumulator.add(drift::read_record(ring.next(), read));
    if ((bits & 32) != 0) continue;
    accumulator.flush();
    ring.release();
    if ((bits & 64) == 0) continue;
    check(*plan, accumulator.take((bits & 128) != 0), rows);
    rows = 0;
  }
  check(*plan, accumulator.take(true), rows);
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::run({bytes, size});
  return 0;
}
