// SPDX-License-Identifier: Apache-2.0
#include "base/heap.h"

#include <malloc.h>

#include "base/buffer.h"

namespace penstock::base {

void keep_heap_small() {
  // Setting either ends malloc's own adjusting; these are the proportions it would keep.
  mallopt(M_MMAP_THRESHOLD, static_cast<int>(kMappedBlockBytes));
  mallopt(M_TRIM_THRESHOLD, static_cast<int>(2 * kMappedBlockBytes));
}

void trim_heap() {
  Buffer::trim_pool();
  malloc_trim(0);
}

}  // namespace penstock::base
