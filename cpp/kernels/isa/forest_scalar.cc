// SPDX-License-Identifier: Apache-2.0
#include "kernels/forest_columns.h"
#include "kernels/isa/forest_table.h"

namespace penstock::kernels::isa {

constinit const ForestKernels kForestScalar = {
    .rank_floats = &ByteColumns<float>::rank,
    .rank_doubles = &ByteColumns<double>::rank,
    .masks = {},
    .row_columns_max = 0,
    .mask_leaves_max = 0,
    .perfect = {},
    .mux = {},
    .gather = {},
};

const ForestKernels& forest_kernels(Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::kScalar: return kForestScalar;
    case Isa::kAvx2: return kForestAvx2;
    case Isa::kAvx512: return kForestAvx512;
  }
#endif
  static_cast<void>(isa);
  return kForestScalar;
}

}  // namespace penstock::kernels::isa
