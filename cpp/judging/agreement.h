// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/tensor.h"

// Two answers to the same request, held against each other. Pure functions and counts that merge by
// addition; no clock, no lock, no I/O.
namespace penstock::judging {

// Two numbers agree if they differ by at most `absolute`, or by at most `relative` of the larger.
struct Tolerance {
  double relative = 1e-5;
  double absolute = 1e-6;
};

// Why two tensors cannot agree, whatever the tolerance.
enum class Mismatch : std::uint8_t {
  kNan,       // a number in one, NaN in the other at the same place
  kShape,     // other dimensions
  kDatatype,  // another datatype
  kMissing,   // the shadow has no such output
};
inline constexpr std::size_t kMismatchCount = 4;
std::string_view name_of(Mismatch mismatch);  // "nan", "shape", "datatype", "missing"

// Counts of magnitudes by powers of two. Bucket 0: exactly zero; bucket k from 1 to 62:
// [2^(k-42), 2^(k-41)), the first of them with all that is smaller; bucket 63: 2^21 and more,
// infinities among them.
inline constexpr std::size_t kMagnitudeBuckets = 64;
using Magnitudes = std::array<std::uint64_t, kMagnitudeBuckets>;
std::size_t magnitude_bucket(double magnitude);  // of what is not negative and not NaN
// Counts of distances in units in the last place: bucket 0 is none, bucket k is [2^(k-1), 2^k),
// and the last bucket has all that is larger.
std::size_t ulp_bucket(std::uint64_t ulps);

// Classes of which a flip is counted by both names.
inline constexpr std::size_t kFlipClassesMax = 16;

// What came of one output over all pairs.
struct OutputAgreement {
  std::uint64_t pairs = 0;
  std::uint64_t agreed = 0;  // pairs whose elements are all within tolerance
  std::uint64_t elements = 0;
  std::uint64_t identical = 0;  // elements that are the same bit for bit
  std::uint64_t within = 0;     // elements within tolerance, identical ones included
  std::array<std::uint64_t, kMismatchCount> mismatched{};  // pairs

  // Of floats, by elements that are a number in both.
  Magnitudes absolute{};
  Magnitudes relative{};
  std::array<std::uint64_t, kMagnitudeBuckets> ulps{};

  // Of floats of two dimensions with at least two columns: rows whose largest element stands in
  // the same column. `flips[a * kFlipClassesMax + b]`: rows that are class a to the primary and b
  // to the shadow, where there are at most kFlipClassesMax columns.
  std::uint64_t argmax_rows = 0;
  std::uint64_t argmax_agreed = 0;
  std::uint32_t classes = 0;  // columns; 0: more than that, or not always as many
  std::array<std::uint64_t, kFlipClassesMax * kFlipClassesMax> flips{};
  // Of these, rows that are probabilities in both: no element below 0, a sum within 1e-3 of 1.
  std::uint64_t probability_rows = 0;
  double total_variation_sum = 0.0;  // half the sum of |p - q|, over rows
  double jensen_shannon_sum = 0.0;   // in nats
  Magnitudes total_variation{};
  Magnitudes jensen_shannon{};

  void add(const OutputAgreement& other);
};

// Holds `shadow` against `primary`, counts, and says whether they agree in every element.
//
// Numbers are compared by value in binary64 (FP16 and BF16 widened), integers, booleans and BYTES
// exactly. NaN agrees with NaN, an infinity with itself alone.
// `rows_agree`, one for each row of the request, is cleared where this output does not agree; of an
// output whose first dimension is not the rows, all of them are. May be empty.
bool compare(const base::Tensor& primary, const base::Tensor& shadow, const Tolerance& tolerance,
             std::span<std::uint8_t> rows_agree, OutputAgreement& counts);
// The shadow's answer has no such output.
void count_missing(std::span<std::uint8_t> rows_agree, OutputAgreement& counts);

}  // namespace penstock::judging
