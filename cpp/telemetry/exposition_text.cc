// SPDX-License-Identifier: Apache-2.0
#include "telemetry/exposition_text.h"

#include <array>
#include <charconv>

#include "base/utf8.h"

namespace penstock::telemetry {
namespace {

std::string_view name_of(ExpositionText::Type type) {
  switch (type) {
    case ExpositionText::Type::kCounter: return "counter";
    case ExpositionText::Type::kGauge: return "gauge";
    case ExpositionText::Type::kHistogram: return "histogram";
  }
  return "untyped";
}

}  // namespace

void ExpositionText::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help);
  text_.append("\n# TYPE ").append(name).append(" ").append(name_of(type)).append("\n");
}

void ExpositionText::sample(std::span<const Label> labels, std::uint64_t value) {
  begin_line("", labels, "");
  append_number(value);
  text_.push_back('\n');
}

void ExpositionText::sample_thousandths(std::span<const Label> labels, std::uint64_t thousands) {
  begin_line("", labels, "");
  append_thousandths(thousands);
  text_.push_back('\n');
}

void ExpositionText::histogram(std::span<const Label> labels,
                               std::span<const std::uint64_t> buckets,
                               std::uint64_t sum_thousandths) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    count += buckets[i];
    const bool is_last = i + 1 == buckets.size();
    begin_line("_bucket", labels, is_last ? "+Inf" : std::to_string(std::uint64_t{1} << i));
    append_number(count);
    text_.push_back('\n');
  }
  begin_line("_sum", labels, "");
  append_thousandths(sum_thousandths);
  text_.push_back('\n');
  begin_line("_count", labels, "");
  append_number(count);
  text_.push_back('\n');
}

void ExpositionText::begin_line(std::string_view suffix, std::span<const Label> labels,
                                std::string_view le) {
  text_.append(name_).append(suffix);
  if (!labels.empty() || !le.empty()) {
    text_.push_back('{');
    for (const Label& label : labels) append_label(label.name, label.value);
    if (!le.empty()) append_label("le", le);
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

void ExpositionText::append_thousandths(std::uint64_t thousands) {
  append_number(thousands / 1000);
  const std::uint64_t rest = thousands % 1000;
  if (rest == 0) return;
  text_.push_back('.');
  text_.push_back(static_cast<char>('0' + rest / 100));
  text_.push_back(static_cast<char>('0' + rest / 10 % 10));
  text_.push_back(static_cast<char>('0' + rest % 10));
}

}  // namespace penstock::telemetry
