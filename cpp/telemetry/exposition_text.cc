// SPDX-License-Identifier: Apache-2.0
#include "telemetry/exposition_text.h"

#include <array>
#include <charconv>

#include "base/check.h"
#include "base/utf8.h"

namespace penstock::telemetry {
namespace {

std::string_view name_of(ExpositionText::Type type) {
  switch (type) {
    case ExpositionText::Type::kCounter: return "counter";
    case ExpositionText::Type::kGauge: return "gauge";
    case ExpositionText::Type::kHistogram: return "histogram";
    case ExpositionText::Type::kSummary: return "summary";
  }
  return "untyped";
}

// `thousandths` / 1000, exactly, without zeros that say nothing.
std::string thousandths_text(std::uint64_t thousandths) {
  std::string text = std::to_string(thousandths / 1000);
  const std::uint64_t rest = thousandths % 1000;
  if (rest == 0) return text;
  text.push_back('.');
  text.push_back(static_cast<char>('0' + rest / 100));
  text.push_back(static_cast<char>('0' + rest / 10 % 10));
  text.push_back(static_cast<char>('0' + rest % 10));
  while (text.back() == '0') text.pop_back();
  return text;
}

// The shortest text that is read as `value` again; without an exponent as long as that is short.
std::string real_text(double value) {
  std::array<char, 32> digits;
  char* const end = digits.data() + digits.size();
  auto written = std::to_chars(digits.data(), end, value, std::chars_format::fixed);
  if (written.ec != std::errc()) written = std::to_chars(digits.data(), end, value);
  return {digits.data(), written.ptr};
}

}  // namespace

void ExpositionText::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help);
  text_.append("\n# TYPE ").append(name).append(" ").append(name_of(type)).append("\n");
}

void ExpositionText::sample(std::span<const Label> labels, std::uint64_t value) {
  begin_line("", labels);
  append_number(value);
  text_.push_back('\n');
}

void ExpositionText::sample_real(std::span<const Label> labels, double value) {
  begin_line("", labels);
  text_.append(real_text(value)).push_back('\n');
}

void ExpositionText::sample_thousandths(std::span<const Label> labels, std::uint64_t thousands) {
  begin_line("", labels);
  text_.append(thousandths_text(thousands)).push_back('\n');
}

void ExpositionText::histogram(std::span<const Label> labels,
                               std::span<const std::uint64_t> bounds_thousandths,
                               std::span<const std::uint64_t> buckets,
                               std::uint64_t sum_thousandths) {
  PENSTOCK_CHECK(buckets.size() == bounds_thousandths.size() + 1);
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    count += buckets[i];
    const bool is_last = i + 1 == buckets.size();
    const std::string le = is_last ? "+Inf" : thousandths_text(bounds_thousandths[i]);
    begin_line("_bucket", labels, {"le", le});
    append_number(count);
    text_.push_back('\n');
  }
  totals(labels, sum_thousandths, count);
}

void ExpositionText::quantile(std::span<const Label> labels, double quantile,
                              std::optional<std::uint64_t> thousandths) {
  const std::string name = real_text(quantile);
  begin_line("", labels, {"quantile", name});
  text_.append(thousandths ? thousandths_text(*thousandths) : "NaN").push_back('\n');
}

void ExpositionText::totals(std::span<const Label> labels, std::uint64_t sum_thousandths,
                            std::uint64_t count) {
  begin_line("_sum", labels);
  text_.append(thousandths_text(sum_thousandths)).push_back('\n');
  begin_line("_count", labels);
  append_number(count);
  text_.push_back('\n');
}

void ExpositionText::begin_line(std::string_view suffix, std::span<const Label> labels, Label own) {
  text_.append(name_).append(suffix);
  if (!labels.empty() || !own.name.empty()) {
    text_.push_back('{');
    for (const Label& label : labels) append_label(label.name, label.value);
    if (!own.name.empty()) append_label(own.name, own.value);
    text_.back() = '}';  // the last label's comma
  }
  text_.push_back(' ');
}

void ExpositionText::append_label(std::string_view name, std::string_view value) {
  text_.append(name).append("=\"");
  while (!value.empty()) {
    const std::string_view character = base::take_character(value);
    if (character == "\n") {
      text_ += "\\n";
    } else {
      if (character == "\"" || character == "\\") text_.push_back('\\');
      text_ += character;
    }
  }
  text_.append("\",");
}

void ExpositionText::append_number(std::uint64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text_.append(digits.data(), end);
}

}  // namespace penstock::telemetry
