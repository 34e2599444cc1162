// SPDX-License-Identifier: Apache-2.0
#include "wire/classification.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <type_traits>
#include <vector>

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

class Classifier {
 public:
  Classifier(std::size_t classes, std::span<const std::string> labels)
      : classes_(classes), labels_(labels) {}

  template <class RowOf>
  void add_rows(std::span<const std::byte> bytes, std::size_t elements) {
    const std::size_t row_bytes = elements * RowOf::kBytes;
    for (; row_bytes > 0 && !bytes.empty(); bytes = bytes.subspan(row_bytes)) {
      add_row(RowOf{bytes.first(row_bytes)}, elements);
    }
  }

  const std::string& bytes() const { return bytes_; }

 private:
  template <class RowOf>
  void add_row(const RowOf& row, std::size_t elements) {
    order_.resize(elements);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    const auto end = order_.begin() + static_cast<std::ptrdiff_t>(classes_);
    std::partial_sort(order_.begin(), end, order_.end(), [&row](std::size_t a, std::size_t b) {
      const auto first = row[a];
      const auto second = row[b];
      if (is_greater(first, second)) return true;
      return !is_greater(second, first) && a < b;
    });
    for (auto at = order_.begin(); at != end; ++at) {
      text_.clear();
      append_value(text_, row[*at]);
      text_ += ':';
      text_ += std::to_string(*at);
      if (*at < labels_.size() && !labels_[*at].empty()) {
        text_ += ':';
        text_ += labels_[*at];
      }
      const auto length = static_cast<base::BytesLength>(text_.size());
      bytes_.append(reinterpret_cast<const char*>(&length), sizeof length);
      bytes_ += text_;
    }
  }

  const std::size_t classes_;
  const std::span<const std::string> labels_;
  std::vector<std::size_t> order_;
  std::string text_;
  std::string bytes_;
};

void add_all(Classifier& classifier, DType dtype, std::span<const std::byte> bytes,
             std::size_t elements) {
  switch (dtype) {
    case DType::kUint8: return classifier.add_rows<Row<std::uint8_t>>(bytes, elements);
    case DType::kUint16: return classifier.add_rows<Row<std::uint16_t>>(bytes, elements);
    case DType::kUint32: return classifier.add_rows<Row<std::uint32_t>>(bytes, elements);
    case DType::kUint64: return classifier.add_rows<Row<std::uint64_t>>(bytes, elements);
    case DType::kInt8: return classifier.add_rows<Row<std::int8_t>>(bytes, elements);
    case DType::kInt16: return classifier.add_rows<Row<std::int16_t>>(bytes, elements);
    case DType::kInt32: return classifier.add_rows<Row<std::int32_t>>(bytes, elements);
    case DType::kInt64: return classifier.add_rows<Row<std::int64_t>>(bytes, elements);
    case DType::kFp16:
      return classifier.add_rows<Row<float, std::uint16_t, &from_fp16>>(bytes, elements);
    case DType::kBf16:
      return classifier.add_rows<Row<float, std::uint16_t, &from_bf16>>(bytes, elements);
    case DType::kFp32: return classifier.add_rows<Row<float>>(bytes, elements);
    case DType::kFp64: return classifier.add_rows<Row<double>>(bytes, elements);
    case DType::kBool:
    case DType::kBytes: break;
  }
  PENSTOCK_CHECK(false);
}

}  // namespace

bool can_classify(DType dtype) { return dtype != DType::kBool && dtype != DType::kBytes; }

base::Result<base::Tensor> classify(const base::Tensor& output, bool batches,
                                    std::uint32_t classes_max,
                                    std::span<const std::string> labels) {
  const std::size_t rows =
      batches && output.shape.rank() > 0 ? static_cast<std::size_t>(output.shape[0]) : 1;
  const std::size_t all = output.bytes.bytes.size() / base::element_bytes(output.dtype);
  const std::size_t elements = rows == 0 ? 0 : all / rows;
  const std::size_t classes = std::min<std::size_t>(classes_max, elements);
  Classifier classifier(classes, labels);
  add_all(classifier, output.dtype, output.bytes.bytes, elements);

  base::Tensor made{.dtype = DType::kBytes, .shape = {}, .bytes = {}};
  if (batches) made.shape.push(static_cast<std::int64_t>(rows));
  made.shape.push(static_cast<std::int64_t>(classes));
  const std::string& bytes = classifier.bytes();
  made.bytes.owner = base::Buffer::try_allocate(bytes.size());
  if (!bytes.empty() && !made.bytes.owner) {
    return base::fail(Code::kResourceExhausted, "no memory for the classes of an output");
  }
  if (!bytes.empty()) std::memcpy(made.bytes.owner.data(), bytes.data(), bytes.size());
  made.bytes.bytes = made.bytes.owner.bytes();
  return made;
}

}  // namespace penstock::wire
