// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "kernels/forest_columns.h"
#include "kernels/isa/forest_table.h"

namespace penstock::kernels::isa {

constinit const ForestKernels kForestAvx2 = {
    .rank_floats = &ByteColumns<float>::rank,
    .rank_doubles = &ByteColumns<double>::rank,
    .masks = {},
    .mask_columns_max = 0,
    .perfect = {},
    .mux = {},
    .gather = {},
};

}  // namespace penstock::kernels::isa
#endif
