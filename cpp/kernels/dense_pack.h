// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "kernels/dense.h"
#include "kernels/dense_layout.h"
#include "kernels/isa/table.h"

// From layers as a file has them to layers as the kernels read them. Portable: every instruction
// set reads the same form.
namespace penstock::kernels {

// Why `layers` cannot be a net, in a sentence that names the layer by its place.
base::Result<> check_layers(std::span<const DenseLayer> layers);

// Zeros, at a multiple of 64; large ones in huge pages where the system gives them.
class PackedArray {
 public:
  explicit PackedArray(std::size_t bytes);

  std::byte* bytes() { return memory_.get(); }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(memory_.get());
  }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    std::size_t alignment;
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte[], Free> memory_;
  std::size_t size_;
};

struct PackedLayer {
  PackedDense view;  // into `memory`
  Weights weights = Weights::kFp32;
  bool has_static_input = false;
  Quantization input;  // of a static input
  std::int64_t group = 0;
  std::size_t row_bytes = 0;  // stride of the rows that the kernel reads; 0: floats as they come
  std::vector<PackedArray> memory;
};

// Packs a layer that check_layers() has passed, for kernels of these habits.
PackedLayer pack_layer(const DenseLayer& layer, const isa::DenseKernels& kernels);

// Tells `layer` of the one that reads what it gives, whose input is static.
void lead_into(PackedLayer& layer, const PackedLayer& next);

}  // namespace penstock::kernels
