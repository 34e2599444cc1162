// SPDX-License-Identifier: Apache-2.0
#include "judging/agreement.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstring>
#include <functional>
#include <limits>
#include <type_traits>

#include "base/bytes_elements.h"
#include "base/check.h"
#include "base/narrow_float.h"

namespace penstock::judging {
namespace {

using base::DType;
using base::Tensor;
using Bytes = std::span<const std::byte>;
using RowsAgree = std::span<std::uint8_t>;

// The exponent of the first bucket that is not zero's.
constexpr int kLowestExponent = -41;
// A sum that is this near to 1 is one that rounding has touched.
constexpr double kSumTolerance = 1e-3;

template <class Raw>
Raw element_at(Bytes bytes, std::size_t index) {
  Raw raw;
  std::memcpy(&raw, bytes.data() + index * sizeof raw, sizeof raw);
  return raw;
}

// Which of the request's rows an element belongs to.
class Rows {
 public:
  Rows(RowsAgree agree, const base::Shape& shape, std::int64_t elements) : agree_(agree) {
    const bool is_by_row =
        shape.rank() > 0 && !agree.empty() && shape[0] == static_cast<std::int64_t>(agree.size());
    if (is_by_row) per_row_ = static_cast<std::size_t>(elements) / agree.size();
  }

  void disagree_at(std::size_t element) {
    if (per_row_ == 0) return disagree();
    agree_[element / per_row_] = 0;
  }
  void disagree() { std::ranges::fill(agree_, std::uint8_t{0}); }

 private:
  RowsAgree agree_;
  std::size_t per_row_ = 0;  // 0: every element is of all rows
};

// How one float format is read. `Bits` are what is stored.
template <class Bits_, auto widen>
struct Float {
  using Bits = Bits_;
  static double value(Bits bits) { return static_cast<double>(widen(bits)); }
  // Neighbours are 1 apart, and so are the two zeros' neighbours from zero.
  static std::int64_t place(Bits bits) {
    constexpr Bits kSign = static_cast<Bits>(Bits{1} << (sizeof(Bits) * 8 - 1));
    const auto magnitude = static_cast<std::int64_t>(bits & static_cast<Bits>(~kSign));
    return (bits & kSign) != 0 ? -magnitude : magnitude;
  }
};
using Fp16 = Float<std::uint16_t, base::float_of_fp16>;
using Bf16 = Float<std::uint16_t, base::float_of_bf16>;
using Fp32 = Float<std::uint32_t, [](std::uint32_t bits) { return std::bit_cast<float>(bits); }>;
using Fp64 = Float<std::uint64_t, [](std::uint64_t bits) { return std::bit_cast<double>(bits); }>;

bool is_within(double a, double b, const Tolerance& tolerance) {
  if (a == b) return true;
  if (!std::isfinite(a) || !std::isfinite(b)) return false;
  const double room =
      std::max(tolerance.absolute, tolerance.relative * std::max(std::abs(a), std::abs(b)));
  return std::abs(a - b) <= room;
}

std::uint64_t apart(std::int64_t a, std::int64_t b) {
  // Places of binary64 are at most 2^63 from zero: their distance fits without a sign.
  return a > b ? static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b)
               : static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a);
}

void count_distance(double a, double b, std::uint64_t ulps, OutputAgreement& counts) {
  const double distance = a == b ? 0.0 : std::abs(a - b);
  const double larger = std::max(std::abs(a), std::abs(b));
  double relative = 0.0;
  if (distance > 0.0) relative = std::isinf(distance) ? distance : distance / larger;
  ++counts.absolute[magnitude_bucket(distance)];
  ++counts.relative[magnitude_bucket(relative)];
  ++counts.ulps[ulp_bucket(ulps)];
}

// Whether all elements agree; rows that do not are told to `rows`.
template <class Format>
bool compare_floats(Bytes primary, Bytes shadow, const Tolerance& tolerance, Rows& rows,
                    OutputAgreement& counts) {
  using Bits = typename Format::Bits;
  const std::size_t elements = primary.size() / sizeof(Bits);
  bool agrees = true;
  bool has_nan_in_one = false;
  for (std::size_t i = 0; i < elements; ++i) {
    const Bits a_bits = element_at<Bits>(primary, i);
    const Bits b_bits = element_at<Bits>(shadow, i);
    const double a = Format::value(a_bits);
    const double b = Format::value(b_bits);
    if (a_bits == b_bits) ++counts.identical;
    if (std::isnan(a) || std::isnan(b)) {
      if (std::isnan(a) && std::isnan(b)) {
        ++counts.within;
        continue;
      }
      has_nan_in_one = true;
      agrees = false;
      rows.disagree_at(i);
      continue;
    }
    count_distance(a, b, apart(Format::place(a_bits), Format::place(b_bits)), counts);
    if (is_within(a, b, tolerance)) {
      ++counts.within;
    } else {
      agrees = false;
      rows.disagree_at(i);
    }
  }
  if (has_nan_in_one) ++counts.mismatched[static_cast<std::size_t>(Mismatch::kNan)];
  return agrees;
}

// One row of two answers that are numbers throughout.
struct RowPair {
  std::size_t primary_class = 0;
  std::size_t shadow_class = 0;
  bool is_number = true;
  bool are_probabilities = true;
  double total_variation = 0.0;
  double jensen_shannon = 0.0;
};

// p ln(p / m), which is 0 where p is.
double surprise(double p, double middle) { return p > 0.0 ? p * std::log(p / middle) : 0.0; }

template <class Format>
RowPair look_at_row(Bytes primary, Bytes shadow, std::size_t first, std::size_t columns) {
  using Bits = typename Format::Bits;
  RowPair row;
  double best_a = 0.0;
  double best_b = 0.0;
  double sum_a = 0.0;
  double sum_b = 0.0;
  for (std::size_t column = 0; column < columns; ++column) {
    const double a = Format::value(element_at<Bits>(primary, first + column));
    const double b = Format::value(element_at<Bits>(shadow, first + column));
    if (std::isnan(a) || std::isnan(b)) {
      row.is_number = false;
      return row;
    }
    if (column == 0 || a > best_a) best_a = a, row.primary_class = column;
    if (column == 0 || b > best_b) best_b = b, row.shadow_class = column;
    row.are_probabilities = row.are_probabilities && a >= 0.0 && b >= 0.0;
    sum_a += a;
    sum_b += b;
    if (!row.are_probabilities) continue;
    const double middle = (a + b) / 2;
    row.total_variation += std::abs(a - b) / 2;
    row.jensen_shannon += (surprise(a, middle) + surprise(b, middle)) / 2;
  }
  row.are_probabilities = row.are_probabilities && std::abs(sum_a - 1.0) <= kSumTolerance &&
                          std::abs(sum_b - 1.0) <= kSumTolerance;
  row.jensen_shannon = std::max(row.jensen_shannon, 0.0);
  return row;
}

template <class Format>
void compare_rows(Bytes primary, Bytes shadow, const base::Shape& shape, OutputAgreement& counts) {
  if (shape.rank() != 2 || shape[1] < 2) return;
  const auto columns = static_cast<std::size_t>(shape[1]);
  if (counts.argmax_rows == 0) {
    counts.classes = columns <= kFlipClassesMax ? static_cast<std::uint32_t>(columns) : 0;
  } else if (counts.classes != 0 && counts.classes != columns) {
    counts.classes = 0;
    counts.flips.fill(0);
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(shape[0]); ++i) {
    const RowPair row = look_at_row<Format>(primary, shadow, i * columns, columns);
    if (!row.is_number) continue;
    ++counts.argmax_rows;
    if (row.primary_class == row.shadow_class) ++counts.argmax_agreed;
    if (counts.classes != 0) {
      ++counts.flips[row.primary_class * kFlipClassesMax + row.shadow_class];
    }
    if (!row.are_probabilities) continue;
    ++counts.probability_rows;
    counts.total_variation_sum += row.total_variation;
    counts.jensen_shannon_sum += row.jensen_shannon;
    ++counts.total_variation[magnitude_bucket(row.total_variation)];
    ++counts.jensen_shannon[magnitude_bucket(row.jensen_shannon)];
  }
}

template <class Raw>
bool compare_exactly(Bytes primary, Bytes shadow, Rows& rows, OutputAgreement& counts) {
  const std::size_t elements = primary.size() / sizeof(Raw);
  bool agrees = true;
  for (std::size_t i = 0; i < elements; ++i) {
    const Raw a = element_at<Raw>(primary, i);
    const Raw b = element_at<Raw>(shadow, i);
    if (a == b) ++counts.identical, ++counts.within;
    if (a != b) agrees = false, rows.disagree_at(i);
  }
  return agrees;
}

// Any byte but 0 is true, as executors have it.
bool compare_truths(Bytes primary, Bytes shadow, Rows& rows, OutputAgreement& counts) {
  bool agrees = true;
  for (std::size_t i = 0; i < primary.size(); ++i) {
    if (primary[i] == shadow[i]) ++counts.identical;
    if ((primary[i] != std::byte{0}) == (shadow[i] != std::byte{0})) {
      ++counts.within;
    } else {
      agrees = false;
      rows.disagree_at(i);
    }
  }
  return agrees;
}

bool compare_texts(Bytes primary, Bytes shadow, Rows& rows, OutputAgreement& counts) {
  bool agrees = true;
  for (std::size_t i = 0; !primary.empty(); ++i) {
    const auto a = base::take_bytes_element(primary);
    const auto b = base::take_bytes_element(shadow);
    if (!a || !b) {  // the end of one is not where its shape says
      rows.disagree();
      return false;
    }
    if (std::ranges::equal(*a, *b)) {
      ++counts.identical, ++counts.within;
    } else {
      agrees = false;
      rows.disagree_at(i);
    }
  }
  return agrees;
}

template <class Format>
bool compare_as(const Tensor& primary, const Tensor& shadow, const Tolerance& tolerance, Rows& rows,
                OutputAgreement& counts) {
  const Bytes a = primary.bytes.bytes;
  const Bytes b = shadow.bytes.bytes;
  compare_rows<Format>(a, b, primary.shape, counts);
  return compare_floats<Format>(a, b, tolerance, rows, counts);
}

bool compare_elements(const Tensor& primary, const Tensor& shadow, const Tolerance& tolerance,
                      Rows& rows, OutputAgreement& counts) {
  const Bytes a = primary.bytes.bytes;
  const Bytes b = shadow.bytes.bytes;
  switch (primary.dtype) {
    case DType::kBool: return compare_truths(a, b, rows, counts);
    case DType::kUint8:
    case DType::kInt8: return compare_exactly<std::uint8_t>(a, b, rows, counts);
    case DType::kUint16:
    case DType::kInt16: return compare_exactly<std::uint16_t>(a, b, rows, counts);
    case DType::kUint32:
    case DType::kInt32: return compare_exactly<std::uint32_t>(a, b, rows, counts);
    case DType::kUint64:
    case DType::kInt64: return compare_exactly<std::uint64_t>(a, b, rows, counts);
    case DType::kFp16: return compare_as<Fp16>(primary, shadow, tolerance, rows, counts);
    case DType::kBf16: return compare_as<Bf16>(primary, shadow, tolerance, rows, counts);
    case DType::kFp32: return compare_as<Fp32>(primary, shadow, tolerance, rows, counts);
    case DType::kFp64: return compare_as<Fp64>(primary, shadow, tolerance, rows, counts);
    case DType::kBytes: return compare_texts(a, b, rows, counts);
  }
  return false;
}

template <std::size_t size>
void add_counts(std::array<std::uint64_t, size>& sum,
                const std::array<std::uint64_t, size>& other) {
  std::ranges::transform(sum, other, sum.begin(), std::plus());
}

bool refuse(Mismatch why, RowsAgree rows_agree, OutputAgreement& counts) {
  ++counts.pairs;
  ++counts.mismatched[static_cast<std::size_t>(why)];
  std::ranges::fill(rows_agree, std::uint8_t{0});
  return false;
}

}  // namespace

std::string_view name_of(Mismatch mismatch) {
  switch (mismatch) {
    case Mismatch::kNan: return "nan";
    case Mismatch::kShape: return "shape";
    case Mismatch::kDatatype: return "datatype";
    case Mismatch::kMissing: return "missing";
  }
  return "";
}

std::size_t magnitude_bucket(double magnitude) {
  if (magnitude == 0.0) return 0;
  if (std::isinf(magnitude)) return kMagnitudeBuckets - 1;
  const int bucket = std::ilogb(magnitude) - kLowestExponent + 1;
  return static_cast<std::size_t>(std::clamp(bucket, 1, static_cast<int>(kMagnitudeBuckets) - 1));
}

std::size_t ulp_bucket(std::uint64_t ulps) {
  return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(ulps)),
                               kMagnitudeBuckets - 1);
}

bool compare(const Tensor& primary, const Tensor& shadow, const Tolerance& tolerance,
             RowsAgree rows_agree, OutputAgreement& counts) {
  if (primary.dtype != shadow.dtype) return refuse(Mismatch::kDatatype, rows_agree, counts);
  if (!(primary.shape == shadow.shape)) return refuse(Mismatch::kShape, rows_agree, counts);
  const bool is_text = primary.dtype == DType::kBytes;
  PENSTOCK_CHECK(is_text || primary.bytes.bytes.size() == shadow.bytes.bytes.size());
  const std::int64_t elements = primary.shape.elements().value_or(0);
  ++counts.pairs;
  counts.elements += static_cast<std::uint64_t>(elements);
  Rows rows(rows_agree, primary.shape, elements);
  const bool agrees = compare_elements(primary, shadow, tolerance, rows, counts);
  if (agrees) ++counts.agreed;
  return agrees;
}

void count_missing(RowsAgree rows_agree, OutputAgreement& counts) {
  refuse(Mismatch::kMissing, rows_agree, counts);
}

void OutputAgreement::add(const OutputAgreement& other) {
  if (argmax_rows == 0) {
    classes = other.classes;
  } else if (other.argmax_rows != 0 && other.classes != classes) {
    classes = 0;
  }
  pairs += other.pairs;
  agreed += other.agreed;
  elements += other.elements;
  identical += other.identical;
  within += other.within;
  add_counts(mismatched, other.mismatched);
  add_counts(absolute, other.absolute);
  add_counts(relative, other.relative);
  add_counts(ulps, other.ulps);
  argmax_rows += other.argmax_rows;
  argmax_agreed += other.argmax_agreed;
  add_counts(flips, other.flips);
  if (classes == 0) flips.fill(0);
  probability_rows += other.probability_rows;
  total_variation_sum += other.total_variation_sum;
  jensen_shannon_sum += other.jensen_shannon_sum;
  add_counts(total_variation, other.total_variation);
  add_counts(jensen_shannon, other.jensen_shannon);
}

}  // namespace penstock::judging
