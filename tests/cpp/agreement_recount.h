// SPDX-License-Identifier: Apache-2.0
#pragma once

// Two answers compared once more, element by element and as plainly as it can be said: the
// definition of right for cpp/judging/agreement, and what a person would do offline.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "judging/agreement.h"

namespace penstock::testing {

// One element: what is stored, and its value as a float of `fraction` bits has it.
struct Element {
  std::string stored;
  double value = 0.0;
};

inline double float_value(std::uint64_t bits, int exponent_bits, int fraction_bits) {
  const std::uint64_t fraction_ones = (std::uint64_t{1} << fraction_bits) - 1;
  const std::uint64_t exponent_ones = (std::uint64_t{1} << exponent_bits) - 1;
  const std::uint64_t exponent = (bits >> fraction_bits) & exponent_ones;
  const auto fraction = static_cast<double>(bits & fraction_ones);
  const bool is_negative = (bits >> (exponent_bits + fraction_bits)) != 0;
  const int bias = static_cast<int>(exponent_ones >> 1);
  double magnitude = 0.0;
  if (exponent == exponent_ones) {
    magnitude = fraction == 0.0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    magnitude = std::ldexp(fraction, 1 - bias - fraction_bits);
  } else {
    magnitude = std::ldexp(std::ldexp(1.0, fraction_bits) + fraction,
                           static_cast<int>(exponent) - bias - fraction_bits);
  }
  return is_negative ? -magnitude : magnitude;
}

inline bool is_float(base::DType dtype) {
  using base::DType;
  return dtype == DType::kFp16 || dtype == DType::kBf16 || dtype == DType::kFp32 ||
         dtype == DType::kFp64;
}

inline std::vector<Element> elements_of(const base::Tensor& tensor) {
  using base::DType;
  std::vector<Element> elements;
  const auto* at = reinterpret_cast<const char*>(tensor.bytes.bytes.data());
  const auto* const end = at + tensor.bytes.bytes.size();
  while (at != end) {
    std::size_t size = base::element_bytes(tensor.dtype);
    if (tensor.dtype == DType::kBytes) {
      std::uint32_t length = 0;
      std::memcpy(&length, at, sizeof length);
      at += sizeof length;
      size = length;
    }
    Element one{.stored = std::string(at, size)};
    if (is_float(tensor.dtype)) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, at, size);
      one.value = tensor.dtype == DType::kFp16   ? float_value(bits, 5, 10)
                  : tensor.dtype == DType::kBf16 ? float_value(bits, 8, 7)
                  : tensor.dtype == DType::kFp32 ? float_value(bits, 8, 23)
                                                 : float_value(bits, 11, 52);
    }
    at += size;
    elements.push_back(one);
  }
  return elements;
}

inline std::size_t plain_magnitude_bucket(double magnitude) {
  if (magnitude == 0.0) return 0;
  for (int bucket = 1; bucket < 63; ++bucket) {
    if (magnitude < std::ldexp(1.0, bucket - 41)) return static_cast<std::size_t>(bucket);
  }
  return 63;
}

// How many floats of the format there are from one to the other; the two zeros are one.
inline std::uint64_t plain_ulps(const std::string& a, const std::string& b) {
  const auto magnitude = [](const std::string& stored) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, stored.data(), stored.size());
    return bits & ((std::uint64_t{1} << (stored.size() * 8 - 1)) - 1);
  };
  const auto is_negative = [](const std::string& stored) { return (stored.back() & 0x80) != 0; };
  const std::uint64_t from_zero = magnitude(a);
  const std::uint64_t other_from_zero = magnitude(b);
  if (is_negative(a) != is_negative(b)) return from_zero + other_from_zero;
  return std::max(from_zero, other_from_zero) - std::min(from_zero, other_from_zero);
}

inline std::size_t plain_ulp_bucket(std::uint64_t ulps) {
  std::size_t bucket = 0;
  while (ulps != 0 && bucket < 63) ulps /= 2, ++bucket;
  return bucket;
}

inline bool plainly_agree(const Element& a, const Element& b, base::DType dtype,
                          const judging::Tolerance& tolerance) {
  if (dtype == base::DType::kBool) return (a.stored[0] != 0) == (b.stored[0] != 0);
  if (!is_float(dtype)) return a.stored == b.stored;
  if (std::isnan(a.value) || std::isnan(b.value)) return std::isnan(a.value) && std::isnan(b.value);
  if (a.value == b.value) return true;
  if (std::isinf(a.value) || std::isinf(b.value)) return false;
  const double apart = std::abs(a.value - b.value);
  return apart <= tolerance.absolute ||
         apart <= tolerance.relative * std::max(std::abs(a.value), std::abs(b.value));
}

inline void recount_row(const std::vector<Element>& a, const std::vector<Element>& b,
                        std::size_t first, std::size_t columns, judging::OutputAgreement& counts) {
  std::size_t best_a = 0;
  std::size_t best_b = 0;
  double sum_a = 0.0;
  double sum_b = 0.0;
  double variation = 0.0;
  double divergence = 0.0;
  bool are_probabilities = true;
  for (std::size_t i = 0; i < columns; ++i) {
    const double p = a[first + i].value;
    const double q = b[first + i].value;
    if (std::isnan(p) || std::isnan(q)) return;
    if (p > a[first + best_a].value) best_a = i;
    if (q > b[first + best_b].value) best_b = i;
    are_probabilities = are_probabilities && p >= 0 && q >= 0;
    sum_a += p;
    sum_b += q;
    variation += std::abs(p - q) / 2;
    const double m = (p + q) / 2;
    divergence += ((p > 0 ? p * std::log(p / m) : 0) + (q > 0 ? q * std::log(q / m) : 0)) / 2;
  }
  ++counts.argmax_rows;
  if (best_a == best_b) ++counts.argmax_agreed;
  if (columns <= judging::kFlipClassesMax) {
    ++counts.flips[best_a * judging::kFlipClassesMax + best_b];
  }
  if (!are_probabilities || std::abs(sum_a - 1) > 1e-3 || std::abs(sum_b - 1) > 1e-3) return;
  divergence = std::max(divergence, 0.0);
  ++counts.probability_rows;
  counts.total_variation_sum += variation;
  counts.jensen_shannon_sum += divergence;
  ++counts.total_variation[plain_magnitude_bucket(variation)];
  ++counts.jensen_shannon[plain_magnitude_bucket(divergence)];
}

// The same as judging::compare(), for tensors whose first dimension is the rows.
inline bool recount(const base::Tensor& primary, const base::Tensor& shadow,
                    const judging::Tolerance& tolerance, std::vector<std::uint8_t>& rows_agree,
                    judging::OutputAgreement& counts) {
  ++counts.pairs;
  const bool is_other_type = primary.dtype != shadow.dtype;
  if (is_other_type || primary.shape.text() != shadow.shape.text()) {
    const auto kind = is_other_type ? judging::Mismatch::kDatatype : judging::Mismatch::kShape;
    ++counts.mismatched[static_cast<std::size_t>(kind)];
    for (std::uint8_t& row : rows_agree) row = 0;
    return false;
  }
  const auto a = elements_of(primary);
  const auto b = elements_of(shadow);
  bool agrees = true;
  bool has_nan = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ++counts.elements;
    if (a[i].stored == b[i].stored) ++counts.identical;
    if (plainly_agree(a[i], b[i], primary.dtype, tolerance)) {
      ++counts.within;
    } else {
      agrees = false;
      rows_agree[i / (a.size() / rows_agree.size())] = 0;
    }
    if (!is_float(primary.dtype)) continue;
    const bool are_numbers = !std::isnan(a[i].value) && !std::isnan(b[i].value);
    has_nan = has_nan || std::isnan(a[i].value) != std::isnan(b[i].value);
    if (!are_numbers) continue;
    const double apart = a[i].value == b[i].value ? 0 : std::abs(a[i].value - b[i].value);
    const double larger = std::max(std::abs(a[i].value), std::abs(b[i].value));
    ++counts.absolute[plain_magnitude_bucket(apart)];
    ++counts.relative[plain_magnitude_bucket(apart == 0          ? 0
                                             : std::isinf(apart) ? apart
                                                                 : apart / larger)];
    ++counts.ulps[plain_ulp_bucket(plain_ulps(a[i].stored, b[i].stored))];
  }
  if (has_nan) ++counts.mismatched[static_cast<std::size_t>(judging::Mismatch::kNan)];
  if (is_float(primary.dtype) && primary.shape.rank() == 2 && primary.shape[1] >= 2) {
    const auto columns = static_cast<std::size_t>(primary.shape[1]);
    if (columns <= judging::kFlipClassesMax) counts.classes = static_cast<std::uint32_t>(columns);
    for (std::size_t row = 0; row < rows_agree.size(); ++row) {
      recount_row(a, b, row * columns, columns, counts);
    }
  }
  if (agrees) ++counts.agreed;
  return agrees;
}

}  // namespace penstock::testing
