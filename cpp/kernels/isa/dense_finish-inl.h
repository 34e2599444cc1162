// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/dense_layout.h"

// From sums to what a layer gives, once for all instruction sets: over the vocabulary of a
// vec_*-inl.h, in the namespace PENSTOCK_ISA_NAMESPACE. Tiles go through here that are not finished
// in registers; both give the same bits.
namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE {
namespace {

// Where a tile lies in its block: rows of kPanelOutputs sums each, of which `width` count.
struct Place {
  std::int64_t row = 0;
  std::int64_t rows = 0;
  std::int64_t column = 0;  // a multiple of kPanelOutputs
  std::int64_t width = 0;   // a multiple of kOutputsMultiple
};

// Calls `run(column, width, weights)` for each panel. A step is four bytes an output, whatever the
// weights are.
template <class Run>
inline void for_each_panel(const PackedDense& layer, Run run) {
  const std::byte* weights = layer.weights;
  for (std::int64_t column = 0; column < layer.padded_outputs; column += kPanelOutputs) {
    const std::int64_t left = layer.padded_outputs - column;
    const std::int64_t width = left < kPanelOutputs ? left : kPanelOutputs;
    run(column, width, weights);
    weights += width * layer.steps * 4;
  }
}

// --- from floats to bytes -------------------------------------------------------------------

class Quantizer {
 public:
  explicit Quantizer(const Quantization& to)
      : inverse_(set(to.inverse)),
        least_(set(static_cast<float>(-to.zero_point))),
        greatest_(set(static_cast<float>(255 - to.zero_point))),
        // Only the lowest byte is stored, where adding 0x80 is flipping.
        zero_(set_ints(to.zero_point + kFlip)) {}

  Ints operator()(Floats x) const {
    const Floats q = number_or_zero(mul(x, inverse_));
    return add_ints(to_ints(min(max(q, least_), greatest_)), zero_);
  }

 private:
  Floats inverse_;
  Floats least_;
  Floats greatest_;
  Ints zero_;
};

// --- activations: activation.cc line by line ----------------------------------------------------

struct Identity {
  explicit Identity(const Activation&) {}
  Floats operator()(Floats x) const { return x; }
};

struct Relu {
  explicit Relu(const Activation&) {}
  Floats operator()(Floats x) const { return max(set(0), x); }
};

struct LeakyRelu {
  explicit LeakyRelu(const Activation& activation) : alpha(set(activation.alpha)) {}
  Floats operator()(Floats x) const { return if_less(x, set(0), mul(alpha, x), x); }
  Floats alpha;
};

struct Clip {
  explicit Clip(const Activation& activation)
      : alpha(set(activation.alpha)), beta(set(activation.beta)) {}
  Floats operator()(Floats x) const { return min(beta, max(alpha, x)); }
  Floats alpha;
  Floats beta;
};

inline Floats exp_of_nonpositive(Floats x) {
  using E = ExpConstants;
  const Floats t = max(set(E::kLowest), x);
  const Floats n = nearest(mul(t, set(E::kLog2E)));
  const Floats r = fnma(n, set(E::kLn2Low), fnma(n, set(E::kLn2High), t));
  Floats p = fma(r, set(E::kC6), set(E::kC5));
  p = fma(r, p, set(E::kC4));
  p = fma(r, p, set(E::kC3));
  p = fma(r, p, set(E::kC2));
  p = fma(mul(r, r), p, r);
  const Floats power = power_of_two(n);
  return fma(power, p, power);
}

struct Sigmoid {
  explicit Sigmoid(const Activation& activation)
      : slope(set(activation.alpha == 0 ? 1 : activation.alpha)) {}
  Floats operator()(Floats x) const {
    const Floats z = mul(x, slope);
    const Floats e = exp_of_nonpositive(sub(set(0), abs(z)));
    return div(if_less(z, set(0), e, set(1)), add(set(1), e));
  }
  Floats slope;
};

struct Tanh {
  explicit Tanh(const Activation&) {}
  Floats operator()(Floats x) const {
    using T = TanhConstants;
    const Floats a = abs(x);
    const Floats s = mul(x, x);
    Floats p = fma(s, set(T::kC11), set(T::kC9));
    p = fma(s, p, set(T::kC7));
    p = fma(s, p, set(T::kC5));
    p = fma(s, p, set(T::kC3));
    p = fma(mul(s, x), p, x);
    const Floats e = exp_of_nonpositive(mul(set(-2), a));
    const Floats far = copy_sign(div(sub(set(1), e), add(set(1), e)), x);
    return if_less(a, set(T::kPolynomial), p, far);
  }
};

// --- from values before the activation to what is stored
// ------------------------------------------

template <class Activate>
inline void store_activated(const PackedDense& layer, const DenseRows& rows, const Place& place,
                            const float* values) {
  const Activate activate(layer.activation);
  if (rows.q != nullptr) {
    const Quantizer quantize(layer.next);
    for (std::int64_t row = 0; row < place.rows; ++row) {
      const float* const from = values + row * kPanelOutputs;
      std::uint8_t* const to =
          rows.q + static_cast<std::size_t>(place.row + row) * rows.q_stride + place.column;
      for (std::int64_t i = 0; i < place.width; i += kLanes) {
        store_bytes(to + i, quantize(activate(load(from + i))));
      }
    }
    return;
  }
  const std::int64_t left = layer.outputs - place.column;
  const std::int64_t width = left < place.width ? left : place.width;
  for (std::int64_t row = 0; row < place.rows; ++row) {
    const float* const from = values + row * kPanelOutputs;
    float* const to =
        rows.y + static_cast<std::size_t>(place.row + row) * rows.y_stride + place.column;
    for (std::int64_t i = 0; i < width; i += kLanes) {
      store_first(to + i, activate(load(from + i)), width - i);
    }
  }
}

inline void store_values(const PackedDense& layer, const DenseRows& rows, const Place& place,
                         const float* values) {
  switch (layer.activation.function) {
    case Function::kIdentity: return store_activated<Identity>(layer, rows, place, values);
    case Function::kRelu: return store_activated<Relu>(layer, rows, place, values);
    case Function::kLeakyRelu: return store_activated<LeakyRelu>(layer, rows, place, values);
    case Function::kSigmoid: return store_activated<Sigmoid>(layer, rows, place, values);
    case Function::kTanh: return store_activated<Tanh>(layer, rows, place, values);
    case Function::kClip: return store_activated<Clip>(layer, rows, place, values);
  }
}

// --- from sums to values before the activation ------------------------------------------------

// Of u8 and s8.
inline void finish_integers(const PackedDense& layer, const DenseRows& rows, const Place& place,
                            const std::int32_t* sums) {
  alignas(64) float values[kTileRowsMax * kPanelOutputs];
  const float* const scale = layer.scale + place.column;
  const float* const bias = layer.bias + place.column;
  for (std::int64_t row = 0; row < place.rows; ++row) {
    const std::int32_t* const from = sums + row * kPanelOutputs;
    float* const to = values + row * kPanelOutputs;
    if (rows.row_scale == nullptr) {
      for (std::int64_t i = 0; i < place.width; i += kLanes) {
        store(to + i, fma(to_floats(load_ints(from + i)), load(scale + i), load(bias + i)));
      }
      continue;
    }
    const Floats row_scale = set(rows.row_scale[place.row + row]);
    const Ints row_zero = set_ints(rows.row_zero[place.row + row]);
    const std::int32_t* const colsum = layer.colsum + place.column;
    for (std::int64_t i = 0; i < place.width; i += kLanes) {
      const Ints sum_of_row =
          add_ints(load_ints(from + i), mul_ints(row_zero, load_ints(colsum + i)));
      store(to + i, fma(to_floats(sum_of_row), mul(row_scale, load(scale + i)), load(bias + i)));
    }
  }
  store_values(layer, rows, place, values);
}

// Of floats: sums without their bias. Changes them.
inline void finish_floats(const PackedDense& layer, const DenseRows& rows, const Place& place,
                          float* sums) {
  const float* const bias = layer.bias + place.column;
  for (std::int64_t row = 0; row < place.rows; ++row) {
    float* const values = sums + row * kPanelOutputs;
    for (std::int64_t i = 0; i < place.width; i += kLanes) {
      store(values + i, add(load(values + i), load(bias + i)));
    }
  }
  store_values(layer, rows, place, sums);
}

// Of groups of nibbles: sums without their row's scale and their bias. Changes them.
inline void finish_groups(const PackedDense& layer, const DenseRows& rows, const Place& place,
                          float* sums) {
  const float* const bias = layer.bias + place.column;
  for (std::int64_t row = 0; row < place.rows; ++row) {
    float* const values = sums + row * kPanelOutputs;
    const Floats row_scale = set(rows.row_scale[place.row + row]);
    for (std::int64_t i = 0; i < place.width; i += kLanes) {
      store(values + i, fma(load(values + i), row_scale, load(bias + i)));
    }
  }
  store_values(layer, rows, place, sums);
}

}  // namespace
}  // namespace penstock::kernels::isa::PENSTOCK_ISA_NAMESPACE
