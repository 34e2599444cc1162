// SPDX-License-Identifier: Apache-2.0
// Requests that are too large for a ring: which of their rows are taken.
#include <algorithm>
#include <string>
#include <vector>

#include "base/bytes_elements.h"
#include "drift/cut.h"
#include "drift_rows.h"
#include "harness.h"

namespace penstock::testing {
namespace {

using base::DType;
using drift::Chance;
using drift::PlannedTensor;

constexpr PlannedTensor kPairs{.dtype = DType::kFp32, .elements = 2};
constexpr PlannedTensor kTexts{.dtype = DType::kBytes, .elements = 1};
constexpr PlannedTensor kAnyTexts{.dtype = DType::kBytes, .elements = 0};

// Row i is (i, -i), and the text of i, of a length that varies with it.
struct Numbered {
  explicit Numbered(std::uint32_t count, bool has_texts = true) : sent(count) {
    std::vector<float> pairs;
    std::vector<std::string> texts;
    for (std::uint32_t i = 0; i < count; ++i) {
      pairs.insert(pairs.end(), {static_cast<float>(i), -static_cast<float>(i)});
      texts.push_back(std::to_string(i) + std::string(i % 7, '.'));
    }
    sent.add(raw(pairs));
    if (has_texts) sent.add(raw_texts(texts));
    sent.left_out();
  }
  SentRows sent;
};

std::vector<float> floats_of(std::span<const std::byte> bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace

TEST(drift_cut, takes_a_run_of_whole_rows_that_fits_and_lies_anywhere) {
  Chance chance(3);
  std::vector<std::span<const std::byte>> views;
  Numbered numbered(1000);
  const drift::Rows rows = numbered.sent.key(7).rows();
  std::vector<std::uint32_t> taken(1000);
  constexpr std::size_t kBytesMax = 4096;
  constexpr int kTrials = 4000;
  for (int trial = 0; trial < kTrials; ++trial) {
    const std::vector<PlannedTensor> tensors = {kPairs, trial % 2 == 0 ? kTexts : kAnyTexts,
                                                kPairs};
    const auto cut = drift::cut_rows(rows, tensors, kBytesMax, chance, views);
    REQUIRE(cut.has_value());
    EXPECT(cut->has_key && cut->key == 7);
    EXPECT(drift::record_bytes(*cut) <= kBytesMax);
    EXPECT(drift::record_bytes(*cut) > kBytesMax / 3);
    EXPECT(cut->tensors[2].data() == nullptr);
    const std::vector<float> pairs = floats_of(cut->tensors[0]);
    REQUIRE(pairs.size() == 2 * cut->rows);
    const auto first = static_cast<std::uint32_t>(pairs[0]);
    std::span<const std::byte> rest = cut->tensors[1];
    for (std::uint32_t i = 0; i < cut->rows; ++i) {
      EXPECT_EQ(pairs[2 * i], static_cast<float>(first + i));
      const auto text = *base::take_bytes_element(rest);
      const std::string found(reinterpret_cast<const char*>(text.data()), text.size());
      EXPECT_EQ(found.substr(0, found.find('.')), std::to_string(first + i));
      ++taken[first + i];
    }
    EXPECT(rest.empty());
  }
  // The first and the last rows are as likely as those between: five standard deviations and what
  // lengths of texts make of it.
  const auto [least, most] = std::ranges::minmax(taken);
  EXPECT(least > 0);
  EXPECT(static_cast<double>(most) < 1.5 * static_cast<double>(least));
}

TEST(drift_cut, of_fixed_sizes_it_takes_all_that_fit) {
  Chance chance(3);
  std::vector<std::span<const std::byte>> views;
  Numbered numbered(100, /*has_texts=*/false);
  const std::vector<PlannedTensor> tensors = {kPairs, kPairs};
  const drift::Rows rows = numbered.sent.rows();
  const std::size_t bytes = drift::record_bytes(rows);
  const auto half = drift::cut_rows(rows, tensors, bytes - 8, chance, views);
  REQUIRE(half.has_value());
  EXPECT_EQ(half->rows, 50);
}

TEST(drift_cut, gives_nothing_where_no_row_fits_or_none_is_whole) {
  Chance chance(3);
  std::vector<std::span<const std::byte>> views;
  const std::vector<PlannedTensor> pairs = {kPairs};
  const std::vector<PlannedTensor> texts = {kTexts};
  SentRows wide(2);
  wide.add(raw(std::vector<float>(100)));
  EXPECT(!drift::cut_rows(wide.rows(), pairs, 100, chance, views));
  EXPECT(!drift::cut_rows(wide.rows(), pairs, 20, chance, views));
  SentRows odd(3);
  odd.add(raw(std::vector<float>(100)));
  EXPECT(!drift::cut_rows(odd.rows(), pairs, 300, chance, views));
  SentRows none(0);
  none.add(raw(std::vector<float>(100)));
  EXPECT(!drift::cut_rows(none.rows(), pairs, 300, chance, views));
  SentRows torn(3);
  torn.add(raw(std::vector<std::uint32_t>(100, 5)));
  EXPECT(!drift::cut_rows(torn.rows(), texts, 300, chance, views));
  const std::vector<PlannedTensor> any = {kAnyTexts};
  EXPECT(!drift::cut_rows(torn.rows(), any, 300, chance, views));
}

}  // namespace penstock::testing
