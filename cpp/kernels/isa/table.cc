// SPDX-License-Identifier: Apache-2.0
#include "kernels/isa/table.h"

namespace penstock::kernels::isa {

const DenseKernels& dense_kernels(Isa isa, bool has_fast_bf16) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::kScalar: return kDenseScalar;
    case Isa::kAvx2: return kDenseAvx2;
    case Isa::kAvx512: return has_fast_bf16 ? kDenseAvx512Bf16 : kDenseAvx512;
  }
#endif
  static_cast<void>(isa);
  static_cast<void>(has_fast_bf16);
  return kDenseScalar;
}

}  // namespace penstock::kernels::isa
