// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/check.h"
#include "base/dtype.h"

namespace penstock::base {

inline constexpr std::size_t kRankMax = 16;

// A tensor's dimensions, outermost first, kept in place. At most kRankMax of them: whoever reads
// dimensions from a peer or a file checks that before push().
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) {
    for (const std::int64_t dim : dims) push(dim);
  }
  explicit Shape(std::span<const std::int64_t> dims) {
    for (const std::int64_t dim : dims) push(dim);
  }
  // Most shapes have two dimensions: copying all places would cost several cache lines.
  Shape(const Shape& other) : rank_(other.rank_) {
    std::copy_n(other.dims_.begin(), rank_, dims_.begin());
  }
  Shape& operator=(const Shape& other) {
    rank_ = other.rank_;
    std::copy_n(other.dims_.begin(), rank_, dims_.begin());
    return *this;
  }
  ~Shape() = default;

  void push(std::int64_t dim) {
    PENSTOCK_CHECK(rank_ < kRankMax);
    dims_[rank_++] = dim;
  }
  std::size_t rank() const { return rank_; }
  std::int64_t operator[](std::size_t i) const { return dims_[i]; }
  std::int64_t& operator[](std::size_t i) { return dims_[i]; }
  std::span<const std::int64_t> dims() const { return {dims_.data(), rank_}; }

  // The number of elements, or nothing if a dimension is negative or the product exceeds int64.
  std::optional<std::int64_t> elements() const;

  // "[2,16]"; the empty shape is "[]".
  std::string text() const;

  friend bool operator==(const Shape& a, const Shape& b) {
    return std::ranges::equal(a.dims(), b.dims());
  }

 private:
  std::array<std::int64_t, kRankMax> dims_;  // only the first rank_ are meaningful
  std::size_t rank_ = 0;
};

// "[2,-1]" for any list of dimensions.
std::string dims_text(std::span<const std::int64_t> dims);

// A tensor that keeps its bytes alive: row-major, little-endian, not necessarily aligned.
// `bytes.bytes` may be a part of a larger block.
struct Tensor {
  DType dtype = DType::kFp32;
  Shape shape;
  Slice bytes;
  bool is_present = true;  // false: an optional input that the request left out
};

// What a model expects or gives under one name. Where the model batches
// (Signature::batch_rows_max > 0), `dims` leaves out the leading batch dimension. -1 = any size.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kFp32;
  std::vector<std::int64_t> dims;
  bool is_optional = false;

  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

struct Signature {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  // Rows that one execution takes at most; 0: the model has no batch dimension, and every request
  // is executed by itself.
  std::int64_t batch_rows_max = 0;

  friend bool operator==(const Signature&, const Signature&) = default;
};

}  // namespace penstock::base
