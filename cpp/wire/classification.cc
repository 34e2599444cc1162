// SPDX-License-Identifier: Apache-2.0
#include "wire/classification.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <numeric>
#include <string_view>
#include <type_traits>

#include "base/bytes_elements.h"
#include "base/check.h"

namespace penstock::wire {
namespace {

using base::Code;
using base::DType;

// IEEE 754 binary16 as binary32, which has room for all of them.
float from_fp16(std::uint16_t half) {
  const float sign = (half & 0x8000) != 0 ? -1.0F : 1.0F;
  const int exponent = (half >> 10) & 0x1f;
  const auto fraction = static_cast<float>(half & 0x3ff);
  if (exponent == 0x1f) return fraction == 0 ? sign * HUGE_VALF : std::nanf("");
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

float from_bf16(std::uint16_t bits) {
  const std::uint32_t wide = std::uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

template <class T>
T value_at(std::span<const std::byte> bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
  return value;
}

// A row's values, each as one that can be compared and written.
template <class Value, class Stored = Value, Value (*kWiden)(Stored) = nullptr>
struct Row {
  static constexpr std::size_t kBytes = sizeof(Stored);

  std::span<const std::byte> bytes;

  Value operator[](std::size_t i) const {
    const auto stored = value_at<Stored>(bytes, i);
    if constexpr (kWiden == nullptr) {
      return stored;
    } else {
      return kWiden(stored);
    }
  }
};

template <class Value>
bool is_greater(Value a, Value b) {
  if constexpr (std::is_floating_point_v<Value>) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(b) && !std::isnan(a);
  }
  return a > b;
}

template <class Value>
void append_value(std::string& text, Value value) {
  if constexpr (std::is_floating_point_v<Value>) {
    std::array<char, 512> digits;  // the largest double has 309 before its point
    const int size = std::snprintf(digits.data(), digits.size(), "%f", static_cast<double>(value));
    text.append(digits.data(), static_cast<std::size_t>(size));
  } else {
    text += std::to_string(value);
  }
}

// Where texts go: first nowhere, to count them, then into a block of that size.
struct Sink {
  std::byte* to = nullptr;
  std::size_t size = 0;

  void add(std::string_view text) {
    const auto length = static_cast<base::BytesLength>(text.size());
    if (to != nullptr) {
      std::memcpy(to + size, &length, sizeof length);
      std::memcpy(to + size + sizeof length, text.data(), text.size());
    }
    size += sizeof length + text.size();
  }
};

// The rows of one output. `ranks` has room for `classes` elements' places per row.
class Classifier {
 public:
  Classifier(std::size_t rows, std::size_t elements, std::size_t classes,
             std::span<std::uint32_t> ranks, std::span<const std::string> labels)
      : rows_(rows), elements_(elements), classes_(classes), ranks_(ranks), labels_(labels) {}

  template <class RowOf>
  void rank(std::span<const std::byte> bytes) {
    for (std::size_t i = 0; i < rows_; ++i) rank_row(row_at<RowOf>(bytes, i), ranks_of(i));
  }

  template <class RowOf>
  void write(std::span<const std::byte> bytes, Sink& sink) {
    for (std::size_t i = 0; i < rows_; ++i) {
      const auto row = row_at<RowOf>(bytes, i);
      for (const std::uint32_t place : ranks_of(i)) {
        text_.clear();
        append_value(text_, row[place]);
        text_ += ':';
        text_ += std::to_string(place);
        if (place < labels_.size() && !labels_[place].empty()) {
          text_ += ':';
          text_ += labels_[place];
        }
        sink.add(text_);
      }
    }
  }

 private:
  template <class RowOf>
  RowOf row_at(std::span<const std::byte> bytes, std::size_t i) const {
    const std::size_t row_bytes = elements_ * RowOf::kBytes;
    return {bytes.subspan(i * row_bytes, row_bytes)};
  }
  std::span<std::uint32_t> ranks_of(std::size_t row) const {
    return ranks_.subspan(row * classes_, classes_);
  }

  // A heap of the best so far, the worst of them on top.
  template <class RowOf>
  void rank_row(const RowOf& row, std::span<std::uint32_t> ranks) const {
    const auto is_before = [&row](std::uint32_t a, std::uint32_t b) {
      const auto first = row[a];
      const auto second = row[b];
      if (is_greater(first, second)) return true;
      return !is_greater(second, first) && a < b;
    };
    if (ranks.empty()) return;
    std::iota(ranks.begin(), ranks.end(), std::uint32_t{0});
    std::ranges::make_heap(ranks, is_before);
    for (std::size_t i = ranks.size(); i < elements_; ++i) {
      const auto place = static_cast<std::uint32_t>(i);
      if (!is_before(place, ranks.front())) continue;
      std::ranges::pop_heap(ranks, is_before);
      ranks.back() = place;
      std::ranges::push_heap(ranks, is_before);
    }
    std::ranges::sort_heap(ranks, is_before);
  }

  const std::size_t rows_;
  const std::size_t elements_;
  const std::size_t classes_;
  const std::span<std::uint32_t> ranks_;
  const std::span<const std::string> labels_;
  std::string text_;
};

// `done` with the type of row that `dtype` has.
template <class Done>
void with_row(DType dtype, Done done) {
  switch (dtype) {
    case DType::kUint8: return done.template operator()<Row<std::uint8_t>>();
    case DType::kUint16: return done.template operator()<Row<std::uint16_t>>();
    case DType::kUint32: return done.template operator()<Row<std::uint32_t>>();
    case DType::kUint64: return done.template operator()<Row<std::uint64_t>>();
    case DType::kInt8: return done.template operator()<Row<std::int8_t>>();
    case DType::kInt16: return done.template operator()<Row<std::int16_t>>();
    case DType::kInt32: return done.template operator()<Row<std::int32_t>>();
    case DType::kInt64: return done.template operator()<Row<std::int64_t>>();
    case DType::kFp16: return done.template operator()<Row<float, std::uint16_t, &from_fp16>>();
    case DType::kBf16: return done.template operator()<Row<float, std::uint16_t, &from_bf16>>();
    case DType::kFp32: return done.template operator()<Row<float>>();
    case DType::kFp64: return done.template operator()<Row<double>>();
    case DType::kBool:
    case DType::kBytes: break;
  }
  PENSTOCK_CHECK(false);
}

std::unexpected<base::Error> no_memory() {
  return base::fail(Code::kResourceExhausted, "no memory for the classes of an output");
}

}  // namespace

bool can_classify(DType dtype) { return dtype != DType::kBool && dtype != DType::kBytes; }

base::Result<base::Tensor> classify(const base::Tensor& output, bool batches,
                                    std::uint32_t classes_max,
                                    std::span<const std::string> labels) {
  const std::span<const std::byte> bytes = output.bytes.bytes;
  const std::size_t rows =
      batches && output.shape.rank() > 0 ? static_cast<std::size_t>(output.shape[0]) : 1;
  const std::size_t all = bytes.size() / base::element_bytes(output.dtype);
  const std::size_t elements = rows == 0 ? 0 : all / rows;
  if (elements > std::numeric_limits<std::uint32_t>::max()) {
    return base::fail(Code::kResourceExhausted, "an output of " + std::to_string(elements) +
                                                    " elements is too large to rank");
  }
  const std::size_t classes = std::min<std::size_t>(classes_max, elements);
  const auto places = base::Buffer::try_allocate(rows * classes * sizeof(std::uint32_t));
  if (rows * classes > 0 && !places) return no_memory();
  Classifier classifier(rows, elements, classes,
                        {reinterpret_cast<std::uint32_t*>(places.data()), rows * classes}, labels);
  base::Tensor made{.dtype = DType::kBytes, .shape = {}, .bytes = {}};
  if (batches) made.shape.push(static_cast<std::int64_t>(rows));
  made.shape.push(static_cast<std::int64_t>(classes));

  Sink sink;
  with_row(output.dtype, [&]<class RowOf> {
    classifier.rank<RowOf>(bytes);
    classifier.write<RowOf>(bytes, sink);
  });
  made.bytes.owner = base::Buffer::try_allocate(sink.size);
  if (sink.size > 0 && !made.bytes.owner) return no_memory();
  sink = {.to = made.bytes.owner.data(), .size = 0};
  with_row(output.dtype, [&]<class RowOf> { classifier.write<RowOf>(bytes, sink); });
  made.bytes.bytes = made.bytes.owner.bytes();
  return made;
}

}  // namespace penstock::wire
