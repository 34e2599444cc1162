// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace penstock::telemetry {

struct Label {
  std::string_view name;
  std::string_view value;
};

// Writes Prometheus' text exposition format, version 0.0.4: families of samples, each family once,
// all of its samples together. Names and help come from the program; label values from anywhere
// (they are escaped, and what is not UTF-8 in them is replaced: one bad byte would cost the
// scraper the whole page).
class ExpositionText {
 public:
  enum class Type : std::uint8_t { kCounter, kGauge, kHistogram, kSummary };

  // Begins a family; the samples that follow are its.
  void family(std::string_view name, Type type, std::string_view help);
  void sample(std::span<const Label> labels, std::uint64_t value);
  void sample(std::initializer_list<Label> labels, std::uint64_t value) {
    sample(std::span(labels.begin(), labels.size()), value);
  }
  void sample_real(std::span<const Label> labels, double value);
  void sample_real(std::initializer_list<Label> labels, double value) {
    sample_real(std::span(labels.begin(), labels.size()), value);
  }
  // `thousands` / 1000, exactly.
  void sample_thousandths(std::span<const Label> labels, std::uint64_t thousands);
  // `buckets[i]` observations are at most bounds_thousandths[i] / 1000 and more than the bound
  // before; one more bucket has those above all bounds. The sum is `sum_thousandths` / 1000.
  void histogram(std::span<const Label> labels, std::span<const std::uint64_t> bounds_thousandths,
                 std::span<const std::uint64_t> buckets, std::uint64_t sum_thousandths);
  // One quantile of a summary, in thousandths; NaN if there is nothing to tell.
  void quantile(std::span<const Label> labels, double quantile,
                std::optional<std::uint64_t> thousandths);
  // The _sum and _count lines of a histogram or a summary.
  void totals(std::span<const Label> labels, std::uint64_t sum_thousandths, std::uint64_t count);

  std::string take() { return std::move(text_); }

 private:
  // `own`: a label behind `labels`, if its name is not empty.
  void begin_line(std::string_view suffix, std::span<const Label> labels, Label own = {});
  void append_label(std::string_view name, std::string_view value);
  void append_number(std::uint64_t value);

  std::string_view name_;
  std::string text_;
};

}  // namespace penstock::telemetry
