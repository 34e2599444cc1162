// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/check.h"
#include "model/artifact_step_checks.h"
#include "model/native_convert.h"
#include "model/native_step.h"

namespace penstock::model {
namespace {

using artifact::Kind;
using artifact::Step;
using artifact::Value;

template <class T>
std::vector<T> copy_of(artifact::Bytes blob) {
  const auto from = artifact::elements<T>(blob);
  return {from.begin(), from.end()};
}

// What most steps have: one value in, one out.
template <class In, class Out>
class OneToOne : public NativeStep {
 public:
  OneToOne(const Step& step, const Artifact& artifact)
      : reads_(step.reads[0]),
        writes_(step.writes),
        in_width_(artifact.values[reads_].width),
        out_width_(artifact.values[writes_].width) {}

 protected:
  template <class Do>
  void each_row(const StepFrame& frame, std::size_t rows, Do&& work) const {
    const In* in = frame.read<In>(reads_);
    Out* out = frame.write<Out>(writes_);
    for (; rows > 0; --rows, in += in_width_, out += out_width_) work(in, out);
  }
  template <class Do>
  void each_element(const StepFrame& frame, std::size_t rows, Do&& work) const {
    const In* const in = frame.read<In>(reads_);
    Out* const out = frame.write<Out>(writes_);
    for (std::size_t i = 0; i < rows * out_width_; ++i) out[i] = work(in[i]);
  }

  const std::uint32_t reads_;
  const std::uint32_t writes_;
  const std::size_t in_width_;
  const std::size_t out_width_;
};

class ConvertStep final : public OneToOne<std::byte, std::byte> {
 public:
  ConvertStep(const Step& step, const Artifact& artifact)
      : OneToOne(step, artifact),
        convert_(converter(dtype_of(artifact.values[reads_].kind),
                           dtype_of(artifact.values[writes_].kind))) {}
  void run(const StepFrame& frame, std::size_t rows) const override {
    convert_(frame.values[reads_], frame.values[writes_], rows * out_width_);
  }

 private:
  const ConvertElements convert_;
};

template <class T>
class AffineStep final : public OneToOne<T, T> {
 public:
  AffineStep(const Step& step, const Artifact& artifact, const artifact::Affine& affine)
      : OneToOne<T, T>(step, artifact),
        offset_(copy_of<T>(affine.offset)),
        scale_(copy_of<T>(affine.scale)) {}
  void run(const StepFrame& frame, std::size_t rows) const override {
    this->each_row(frame, rows, [&](const T* in, T* out) {
      for (std::size_t i = 0; i < offset_.size(); ++i) out[i] = (in[i] - offset_[i]) * scale_[i];
    });
  }

 private:
  const std::vector<T> offset_;
  const std::vector<T> scale_;
};

// A row whose norm is zero stays as it is.
template <class T>
class NormalizeStep final : public OneToOne<T, T> {
 public:
  NormalizeStep(const Step& step, const Artifact& artifact, const artifact::Normalize& normalize)
      : OneToOne<T, T>(step, artifact), norm_(normalize.norm) {}
  void run(const StepFrame& frame, std::size_t rows) const override {
    this->each_row(frame, rows, [&](const T* in, T* out) {
      const std::span<const T> row(in, this->in_width_);
      const T norm = norm_of(row);
      const T over = norm == 0 ? T{1} : norm;
      for (std::size_t i = 0; i < row.size(); ++i) out[i] = row[i] / over;
    });
  }

 private:
  T norm_of(std::span<const T> row) const {
    T norm = 0;
    switch (norm_) {
      case artifact::Norm::kL1:
        for (const T x : row) norm += std::abs(x);
        return norm;
      case artifact::Norm::kL2:
        for (const T x : row) norm += x * x;
        return std::sqrt(norm);
      case artifact::Norm::kMax:
        for (const T x : row) norm = std::abs(x) > norm || x != x ? std::abs(x) : norm;
        return norm;
    }
    return norm;
  }

  const artifact::Norm norm_;
};

template <class T>
class ImputeStep final : public OneToOne<T, T> {
 public:
  ImputeStep(const Step& step, const Artifact& artifact, const artifact::Impute& impute)
      : OneToOne<T, T>(step, artifact),
        missing_(impute.missing),
        replacement_(copy_of<T>(impute.replacement)) {}
  void run(const StepFrame& frame, std::size_t rows) const override {
    this->each_row(frame, rows, [&](const T* in, T* out) {
      for (std::size_t i = 0; i < replacement_.size(); ++i) {
        out[i] = is_missing(in[i]) ? replacement_[i] : in[i];
      }
    });
  }

 private:
  bool is_missing(T x) const {
    if constexpr (std::is_floating_point_v<T>) {
      return std::isnan(missing_) ? std::isnan(x) : x == static_cast<T>(missing_);
    } else {
      return static_cast<double>(x) == missing_;
    }
  }

  const double missing_;
  const std::vector<T> replacement_;
};

// Keys in ascending order, NaN last, each with a place: where equal ones stand, the first.
template <class T>
class KeyIndex {
 public:
  explicit KeyIndex(std::span<const T> keys) {
    for (std::size_t i = 0; i < keys.size(); ++i) keys_.emplace_back(keys[i], i);
    std::ranges::stable_sort(keys_, is_before, &Key::first);
  }
  // The place of a key that equals `x`, and NaN equals NaN; or the number of keys.
  std::size_t find(T x) const {
    const auto at = std::ranges::lower_bound(keys_, x, is_before, &Key::first);
    return at == keys_.end() || is_before(x, at->first) ? keys_.size() : at->second;
  }
  std::size_t size() const { return keys_.size(); }

 private:
  using Key = std::pair<T, std::size_t>;
  static bool is_before(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(a)) return false;
      if (std::isnan(b)) return true;
    }
    return a < b;
  }

  std::vector<Key> keys_;
};

template <class In, class Out>
class OneHotStep final : public OneToOne<In, Out> {
 public:
  OneHotStep(const Step& step, const Artifact& artifact, const artifact::OneHot& one_hot)
      : OneToOne<In, Out>(step, artifact) {
    auto categories = artifact::elements<In>(one_hot.categories);
    for (const std::uint32_t count : one_hot.counts) {
      columns_.emplace_back(categories.first(count));
      categories = categories.subspan(count);
    }
  }
  void run(const StepFrame& frame, std::size_t rows) const override {
    this->each_row(frame, rows, [&](const In* in, Out* out) {
      std::fill_n(out, this->out_width_, Out{0});
      for (const KeyIndex<In>& column : columns_) {
        const std::size_t place = column.find(*in++);
        if (place < column.size()) out[place] = 1;
        out += column.size();
      }
    });
  }

 private:
  std::vector<KeyIndex<In>> columns_;
};

template <class In, class Out>
class LookupStep final : public OneToOne<In, Out> {
 public:
  LookupStep(const Step& step, const Artifact& artifact, const artifact::Lookup& lookup)
      : OneToOne<In, Out>(step, artifact),
        keys_(artifact::elements<In>(lookup.keys)),
        values_(copy_of<Out>(lookup.values)) {
    values_.push_back(artifact::elements<Out>(lookup.otherwise)[0]);
  }
  void run(const StepFrame& frame, std::size_t rows) const override {
    this->each_element(frame, rows, [&](In x) { return values_[keys_.find(x)]; });
  }

 private:
  const KeyIndex<In> keys_;
  std::vector<Out> values_;  // and at the end what is none of the keys
};

class ConcatStep final : public NativeStep {
 public:
  ConcatStep(const Step& step, const Artifact& artifact) : writes_(step.writes) {
    for (const std::uint32_t value : step.reads) {
      const Value& read = artifact.values[value];
      parts_.push_back({value, read.width * artifact::element_bytes(read.kind)});
      row_bytes_ += parts_.back().row_bytes;
    }
  }
  void run(const StepFrame& frame, std::size_t rows) const override {
    std::byte* to = frame.values[writes_];
    for (const Part& part : parts_) {
      const std::byte* const from = frame.values[part.value];
      for (std::size_t row = 0; row < rows; ++row) {
        std::memcpy(to + row * row_bytes_, from + row * part.row_bytes, part.row_bytes);
      }
      to += part.row_bytes;
    }
  }

 private:
  struct Part {
    std::uint32_t value;
    std::size_t row_bytes;
  };

  const std::uint32_t writes_;
  std::vector<Part> parts_;
  std::size_t row_bytes_ = 0;
};

// By size of the elements, which are only moved.
template <class T>
class SelectStep final : public OneToOne<T, T> {
 public:
  SelectStep(const Step& step, const Artifact& artifact, const artifact::Select& select)
      : OneToOne<T, T>(step, artifact), columns_(select.columns) {}
  void run(const StepFrame& frame, std::size_t rows) const override {
    this->each_row(frame, rows, [&](const T* in, T* out) {
      for (const std::uint32_t column : columns_) *out++ = in[column];
    });
  }

 private:
  const std::vector<std::uint32_t> columns_;
};

// NaN is greater than nothing, so that a row of them has its first column.
template <class T>
class ArgMaxStep final : public OneToOne<T, std::int64_t> {
 public:
  using OneToOne<T, std::int64_t>::OneToOne;
  void run(const StepFrame& frame, std::size_t rows) const override {
    this->each_row(frame, rows, [&](const T* in, std::int64_t* out) {
      std::size_t best = 0;
      for (std::size_t i = 1; i < this->in_width_; ++i) {
        if (in[i] > in[best]) best = i;
      }
      *out = static_cast<std::int64_t>(best);
    });
  }
};

template <class T>
class ThresholdStep final : public OneToOne<T, std::int64_t> {
 public:
  ThresholdStep(const Step& step, const Artifact& artifact, const artifact::Threshold& threshold)
      : OneToOne<T, std::int64_t>(step, artifact), threshold_(threshold) {}
  void run(const StepFrame& frame, std::size_t rows) const override {
    this->each_element(frame, rows, [&](T x) -> std::int64_t {
      const auto wide = static_cast<double>(x);
      return threshold_.is_inclusive ? wide >= threshold_.threshold : wide > threshold_.threshold;
    });
  }

 private:
  const artifact::Threshold threshold_;
};

template <class T>
class ComplementStep final : public OneToOne<T, T> {
 public:
  using OneToOne<T, T>::OneToOne;
  void run(const StepFrame& frame, std::size_t rows) const override {
    this->each_row(frame, rows, [](const T* in, T* out) {
      out[0] = T{1} - *in;
      out[1] = *in;
    });
  }
};

// Calls make(type) with a value of the C++ type that elements of `kind` are.
template <class Make>
std::unique_ptr<NativeStep> by_kind(Kind kind, Make&& make) {
  switch (kind) {
    case Kind::kFloat32: return make(float{});
    case Kind::kFloat64: return make(double{});
    case Kind::kInt64: return make(std::int64_t{});
    case Kind::kText: break;
  }
  PENSTOCK_CHECK(!"a kind that the check of the file lets through");
  return nullptr;
}

template <class Make>
std::unique_ptr<NativeStep> by_kinds(Kind in, Kind out, Make&& make) {
  return by_kind(in, [&](auto a) { return by_kind(out, [&](auto b) { return make(a, b); }); });
}

struct MakeStep {
  const Artifact& artifact;
  const Step& step;

  const Value& read() const { return artifact.values[step.reads[0]]; }
  const Value& written() const { return artifact.values[step.writes]; }

  // Steps whose element type is that of the value read.
  template <template <class> class S, class... More>
  std::unique_ptr<NativeStep> typed(const More&... more) const {
    return by_kind(read().kind, [&](auto x) -> std::unique_ptr<NativeStep> {
      return std::make_unique<S<decltype(x)>>(step, artifact, more...);
    });
  }
  template <template <class> class S, class... More>
  std::unique_ptr<NativeStep> floating(const More&... more) const {
    if (read().kind == Kind::kFloat32) {
      return std::make_unique<S<float>>(step, artifact, more...);
    }
    return std::make_unique<S<double>>(step, artifact, more...);
  }
  template <template <class, class> class S, class... More>
  std::unique_ptr<NativeStep> twice_typed(const More&... more) const {
    return by_kinds(read().kind, written().kind,
                    [&](auto x, auto y) -> std::unique_ptr<NativeStep> {
                      return std::make_unique<S<decltype(x), decltype(y)>>(step, artifact, more...);
                    });
  }

  std::unique_ptr<NativeStep> operator()(const artifact::Convert&) const {
    return std::make_unique<ConvertStep>(step, artifact);
  }
  std::unique_ptr<NativeStep> operator()(const artifact::Affine& what) const {
    return floating<AffineStep>(what);
  }
  std::unique_ptr<NativeStep> operator()(const artifact::Normalize& what) const {
    return floating<NormalizeStep>(what);
  }
  std::unique_ptr<NativeStep> operator()(const artifact::Impute& what) const {
    return typed<ImputeStep>(what);
  }
  std::unique_ptr<NativeStep> operator()(const artifact::OneHot& what) const {
    return twice_typed<OneHotStep>(what);
  }
  std::unique_ptr<NativeStep> operator()(const artifact::Lookup& what) const {
    return twice_typed<LookupStep>(what);
  }
  std::unique_ptr<NativeStep> operator()(const artifact::Concat&) const {
    return std::make_unique<ConcatStep>(step, artifact);
  }
  std::unique_ptr<NativeStep> operator()(const artifact::Select& what) const {
    return typed<SelectStep>(what);
  }
  std::unique_ptr<NativeStep> operator()(const artifact::Activation& what) const {
    return make_activation(artifact, step, what);
  }
  std::unique_ptr<NativeStep> operator()(const artifact::ArgMax&) const {
    return typed<ArgMaxStep>();
  }
  std::unique_ptr<NativeStep> operator()(const artifact::Threshold& what) const {
    return typed<ThresholdStep>(what);
  }
  std::unique_ptr<NativeStep> operator()(const artifact::StringIndex& what) const {
    return make_text_step(step, written().width, what);
  }
  std::unique_ptr<NativeStep> operator()(const artifact::Labels& what) const {
    return make_text_step(step, written().width, what);
  }
  std::unique_ptr<NativeStep> operator()(const artifact::Complement&) const {
    return floating<ComplementStep>();
  }
  template <class Other>
  std::unique_ptr<NativeStep> operator()(const Other&) const {
    PENSTOCK_CHECK(!"a step that is made elsewhere");
    return nullptr;
  }
};

}  // namespace

std::unique_ptr<NativeStep> make_small_step(const Artifact& artifact, const Step& step) {
  return std::visit(MakeStep{artifact, step}, step.what);
}

}  // namespace penstock::model
